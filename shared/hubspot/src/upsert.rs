//! Batch upsert, and finding out which answer belongs to which input.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mlc_model::{Fault, FaultKind, System, TargetId};
use mlc_outbound::{Method, Request};
use serde_json::Value;

use crate::{
    Entry, Upserted,
    batch::{BatchCall, Sent, after_a_write, deliver},
    client::HubspotClient,
    fault::{Blame, Refusal, entry_fault},
    limits::{BURST, CONCURRENCY, DAILY},
    wire::{BatchAnswer, Record, UpsertBody, UpsertInput},
};

/// Which object type, and by which property it is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    Company,
    Contact,
}

impl Object {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Company => "companies",
            Self::Contact => "contacts",
        }
    }

    fn upsert_operation(self) -> &'static str {
        match self {
            Self::Company => "companies.batch_upsert",
            Self::Contact => "contacts.batch_upsert",
        }
    }

    pub(crate) fn read_operation(self) -> &'static str {
        match self {
            Self::Company => "companies.batch_read",
            Self::Contact => "contacts.batch_read",
        }
    }

    /// A key as two equal ones compare: HubSpot lower-cases e-mail addresses; our own keys are upper case.
    pub(crate) fn normal_key(self, key: &str) -> String {
        match self {
            Self::Company => key.trim().to_uppercase(),
            Self::Contact => key.trim().to_lowercase(),
        }
    }
}

/// One record to upsert. Two inputs with one key have become one item.
struct Item {
    key: String,
    properties: BTreeMap<String, String>,
}

/// Merges inputs with the same key, because one key twice refuses the whole batch. The later input wins.
/// Gives the items and, for each input, the index of its item.
fn merged(object: Object, inputs: impl Iterator<Item = (String, BTreeMap<String, String>)>) -> (Vec<Item>, Vec<usize>) {
    let mut items: Vec<Item> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let item_of_input = inputs
        .map(|(key, properties)| {
            let key = object.normal_key(&key);
            let at = *known.entry(key.clone()).or_insert_with(|| {
                items.push(Item { key, properties: BTreeMap::new() });
                items.len() - 1
            });
            items[at].properties.extend(properties);
            at
        })
        .collect();
    (items, item_of_input)
}

/// Upserts any number of records and gives one entry per input, in order.
pub(crate) async fn upsert(
    client: &HubspotClient,
    object: Object,
    inputs: impl Iterator<Item = (String, BTreeMap<String, String>)>,
) -> Result<Vec<Entry>, Fault> {
    let (items, item_of_input) = merged(object, inputs);
    let call = UpsertCall { client, object, items: &items };
    let results = deliver(&call, items.len(), client.splits_on_500()).await?;
    let mut told = BTreeSet::new();
    Ok(item_of_input
        .into_iter()
        .map(|at| {
            let mut result = results[at].clone();
            // The second input of one key met the record that the first one made.
            if let (false, Ok(upserted)) = (told.insert(at), &mut result) {
                upserted.created = false;
            }
            Entry { key: items[at].key.clone(), result }
        })
        .collect())
}

struct UpsertCall<'a> {
    client: &'a HubspotClient,
    object: Object,
    items: &'a [Item],
}

impl BatchCall for UpsertCall<'_> {
    type Done = Upserted;

    async fn send(&self, chunk: &[usize]) -> Sent<Upserted> {
        match self.call(chunk).await {
            Ok(results) => Sent::Answered(results),
            Err(refusal) => Sent::Refused(refusal),
        }
    }

    fn writes_property(&self, item: usize, property: &str) -> bool {
        self.items[item].properties.contains_key(property)
    }

    fn undecided(&self) -> Fault {
        let operation = self.object.upsert_operation();
        Fault::new(FaultKind::Uncertain, System::Hubspot, operation, "HubSpot's answer does not mention this record")
            .with_code("ENTRY_MISSING")
    }
}

type Decided = Vec<(usize, Result<Upserted, Fault>)>;

impl UpsertCall<'_> {
    async fn call(&self, chunk: &[usize]) -> Result<Decided, Box<Refusal>> {
        let operation = self.object.upsert_operation();
        let id_property = self.client.id_property(self.object);
        let inputs = chunk
            .iter()
            .map(|item| UpsertInput {
                id: &self.items[*item].key,
                id_property,
                object_write_trace_id: trace_id(*item),
                properties: &self.items[*item].properties,
            })
            .collect();
        let body = serde_json::to_vec(&UpsertBody { inputs }).map_err(|error| {
            Box::new(Refusal::from(Fault::defect(operation, format!("body could not be written: {error}"))))
        })?;
        let path = self.client.version().objects(&format!("{}/batch/upsert", self.object.path()));
        let request =
            Request::new(Method::POST, path, operation).family(BURST).family(DAILY).family(CONCURRENCY).json(body);
        let answer = match self.client.call(request).await {
            Ok(answer) => answer.json::<BatchAnswer>().map_err(after_a_write)?,
            // Everything below 500 that is about the content can be about one record; the rest is about the call.
            Err(refusal) => return Err(blame_records(refusal)),
        };
        let joined = Join::new(self, chunk).read(answer);
        Ok(self.look_up(chunk, joined).await)
    }

    /// Results without trace id and key: their ids are known, their owners are not. One read by key tells.
    async fn look_up(&self, chunk: &[usize], joined: Joined) -> Decided {
        let Joined { mut decided, unclaimed } = joined;
        if unclaimed.is_empty() {
            return decided;
        }
        let done: BTreeSet<usize> = decided.iter().map(|(item, _)| *item).collect();
        let open: Vec<usize> = chunk.iter().copied().filter(|item| !done.contains(item)).collect();
        let keys: Vec<&str> = open.iter().map(|item| self.items[*item].key.as_str()).collect();
        // A failed read leaves them undecided; then they go again alone, which is safe.
        if let Ok(found) = self.client.read_ids(self.object, &keys).await {
            for item in open {
                let id = found.get(&self.items[item].key);
                if let Some(upserted) = id.and_then(|id| unclaimed.iter().find(|upserted| upserted.id == *id)) {
                    decided.push((item, Ok(upserted.clone())));
                }
            }
        }
        decided
    }
}

/// A refusal of a batch for its content may be the fault of one record.
fn blame_records(refusal: Box<Refusal>) -> Box<Refusal> {
    if refusal.fault.status.is_none() {
        return after_a_write(refusal.fault);
    }
    let mut refusal = refusal;
    let about_content = matches!(refusal.fault.status, Some(400 | 409 | 413 | 422));
    if refusal.blame == Blame::SomeRecord && !about_content {
        refusal.blame = Blame::TheWhole;
    }
    refusal
}

fn trace_id(item: usize) -> String {
    format!("r{item}")
}

fn item_of_trace(trace: &str) -> Option<usize> {
    trace.strip_prefix('r')?.parse().ok()
}

struct Joined {
    decided: Decided,
    unclaimed: Vec<Upserted>,
}

/// Joins an answer's entries to the inputs: never by position, HubSpot shuffles them.
struct Join<'a> {
    call: &'a UpsertCall<'a>,
    open: BTreeSet<usize>,
    by_key: HashMap<&'a str, usize>,
    decided: Decided,
}

impl<'a> Join<'a> {
    fn new(call: &'a UpsertCall<'a>, chunk: &[usize]) -> Self {
        let by_key = chunk.iter().map(|item| (call.items[*item].key.as_str(), *item)).collect();
        Self { call, open: chunk.iter().copied().collect(), by_key, decided: Vec::new() }
    }

    fn read(mut self, answer: BatchAnswer) -> Joined {
        let id_property = self.call.client.id_property(self.call.object);
        let mut unclaimed = Vec::new();
        for record in answer.results {
            let Some(id) = record.id.as_deref().and_then(|id| TargetId::parse(id).ok()) else { continue };
            let upserted = Upserted { id, created: record.new.unwrap_or(false) };
            match self.owner(&record, id_property) {
                Some(item) => self.decide(item, Ok(upserted)),
                None => unclaimed.push(upserted),
            }
        }
        let mut anonymous = Vec::new();
        for entry in &answer.errors {
            let operation = self.call.object.upsert_operation();
            let fault = entry_fault(entry, operation, id_property);
            let traces = entry.context.texts("objectWriteTraceId");
            let ids = entry.context.texts("ids");
            let by_trace = traces.iter().filter_map(|trace| item_of_trace(trace));
            let by_id = ids.iter().filter_map(|id| self.item_of_key(id));
            let owners: Vec<usize> = by_trace.chain(by_id).filter(|item| self.open.contains(item)).collect();
            if owners.is_empty() {
                anonymous.push(fault);
            } else {
                owners.into_iter().for_each(|item| self.decide(item, Err(fault.clone())));
            }
        }
        // What is left on both sides belongs together when there is only one of each.
        if let (1, Some(item)) = (self.open.len(), self.open.first().copied()) {
            match (unclaimed.len(), anonymous.len()) {
                (1, 0) => self.decide(item, Ok(unclaimed.remove(0))),
                (0, 1) => self.decide(item, Err(anonymous.remove(0))),
                _ => {}
            }
        }
        Joined { decided: self.decided, unclaimed }
    }

    fn owner(&self, record: &Record, id_property: &str) -> Option<usize> {
        let by_trace = record.object_write_trace_id.as_deref().and_then(item_of_trace);
        let by_key =
            || record.properties.get(id_property).and_then(Value::as_str).and_then(|key| self.item_of_key(key));
        by_trace.filter(|item| self.open.contains(item)).or_else(by_key).filter(|item| self.open.contains(item))
    }

    fn item_of_key(&self, key: &str) -> Option<usize> {
        self.by_key.get(self.call.object.normal_key(key).as_str()).copied()
    }

    fn decide(&mut self, item: usize, result: Result<Upserted, Fault>) {
        if self.open.remove(&item) {
            self.decided.push((item, result));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_inputs_with_one_key_become_one_in_which_the_later_wins() {
        let input = |key: &str, name: &str, more: &str| {
            (key.to_owned(), BTreeMap::from([("name".to_owned(), name.to_owned()), (more.to_owned(), "1".to_owned())]))
        };
        let inputs =
            [input("A@x.example", "old", "p"), input("b@x.example", "b", "p"), input("a@X.example ", "new", "q")];
        let (items, item_of_input) = merged(Object::Contact, inputs.into_iter());
        assert_eq!(item_of_input, [0, 1, 0]);
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].key, "a@x.example");
        assert_eq!(items[0].properties["name"], "new");
        assert_eq!(items[0].properties.len(), 3);
    }
}
