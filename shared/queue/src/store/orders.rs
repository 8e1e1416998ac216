//! The sections of new jobs, as `read_orders` in `shared.lua` reads them.

use std::collections::{BTreeMap, HashMap};

use redis::{Cmd, ToRedisArgs};

use crate::order::Prepared;

/// A counted list of arguments, to be sent as one section.
#[derive(Default)]
pub(crate) struct Section(Vec<Vec<u8>>);

impl Section {
    pub(crate) fn push(&mut self, value: impl ToRedisArgs) {
        value.write_redis_args(&mut self.0);
    }

    pub(crate) fn write(&self, command: &mut Cmd) {
        command.arg(self.0.len());
        for value in &self.0 {
            command.arg(&value[..]);
        }
    }
}

/// Writes the sections for orders that wait and for orders that go straight to the shelf.
pub(crate) fn write(command: &mut Cmd, waiting: &[&Prepared], shelved: &[&Prepared]) {
    command.arg(2 * (waiting.len() + shelved.len()));
    for order in waiting.iter().chain(shelved) {
        command.arg(order.id.as_str()).arg(&order.bytes[..]);
    }
    let mut keys = Section::default();
    let mut holders = Section::default();
    for order in waiting.iter().chain(shelved) {
        if let Some(key) = &order.envelope.unique {
            keys.push(key);
            holders.push(key);
            holders.push(order.id.as_str());
        }
    }
    keys.write(command);
    holders.write(command);
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut delays = Section::default();
    let mut bytes: HashMap<&str, usize> = HashMap::new();
    for order in waiting {
        let lane = order.envelope.lane.as_str();
        let priority = order.envelope.priority.digit();
        *bytes.entry(lane).or_default() += order.bytes.len();
        if order.delay_ms > 0 {
            delays.push(format!("n:{priority}:{lane}:{}", order.id));
            delays.push(order.delay_ms);
        } else {
            groups.entry((lane, priority)).or_default().push(order.id.as_str());
        }
    }
    command.arg(groups.len());
    for ((lane, priority), ids) in groups {
        command.arg(lane).arg(priority).arg(ids.len());
        for id in ids {
            command.arg(id);
        }
    }
    delays.write(command);
    command.arg(2 * bytes.len());
    for (lane, n) in bytes {
        command.arg(lane).arg(n);
    }
}

/// Counters as one section.
pub(crate) fn write_counters(command: &mut Cmd, counters: &BTreeMap<String, i64>) {
    command.arg(2 * counters.len());
    for (field, n) in counters {
        command.arg(field).arg(*n);
    }
}

/// Drops orders whose unique key an earlier one of the same batch has. Returns for each dropped one the earlier one's place.
pub(crate) fn doubles_inside<'a>(orders: impl Iterator<Item = &'a Prepared>) -> HashMap<usize, usize> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut doubles = HashMap::new();
    for (place, order) in orders.enumerate() {
        if let Some(key) = order.envelope.unique.as_deref() {
            match first.get(key) {
                Some(earlier) => drop(doubles.insert(place, *earlier)),
                None => drop(first.insert(key, place)),
            }
        }
    }
    doubles
}
