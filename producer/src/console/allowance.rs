//! How often somebody may do what leaves an entry in the audit.
//!
//! The audit keeps a fixed number of entries. Whoever could leave any number of them within minutes, by making and removing tokens or by
//! logging in again and again, would push out what others did. Only what left an entry counts: whoever guesses, or sends what is
//! refused, uses up nothing of anybody's.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use mlc_accounts::Role;

use super::{
    error::{ConsoleError, ErrorKind},
    route::{Route, Verb},
};
use crate::Person;

/// Of each thing that everybody may do in affairs of their own, such as making tokens or logging in.
const OWN_AFFAIRS: u32 = 120;
/// Of all that needs the role operator or admin: a program that replays letters one by one is not held up.
const WORK: u32 = 5_000;
/// People that are counted; beyond it those whose hour is over are forgotten.
const COUNTED: usize = 10_000;

/// Who did how much of what within the hour that has begun with the first of it. Of this process, and gone with it.
#[derive(Debug, Default)]
pub(crate) struct Allowance(Mutex<HashMap<Doing, Count>>);

/// Who, and what.
type Doing = (String, &'static str);
/// Since when it is counted, and how often it was done.
type Count = (DateTime<Utc>, u32);

impl Allowance {
    /// Whether this person may do this once more. Whoever wants to leave always may.
    ///
    /// # Errors
    /// `TooMany`, with when it may go on.
    pub(crate) fn may(&self, person: &Person, route: &Route, now: DateTime<Utc>) -> Result<(), ConsoleError> {
        let Some((doing, most)) = doing(person, route) else { return Ok(()) };
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(&doing) {
            Some((since, count)) if *count >= most && is_within(*since, now) => {
                let minutes = (*since + TimeDelta::hours(1) - now).num_minutes() + 1;
                let message =
                    format!("This was done {most} times within an hour, which is the most: go on in {minutes} min.");
                Err(ConsoleError::new(ErrorKind::TooMany, message))
            }
            _ => Ok(()),
        }
    }

    /// It was done, and left its entry.
    pub(crate) fn count(&self, person: &Person, route: &Route, now: DateTime<Utc>) {
        let Some((doing, _)) = doing(person, route) else { return };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= COUNTED {
            counts.retain(|_, (since, _)| is_within(*since, now));
        }
        let (since, count) = counts.entry(doing).or_insert((now, 0));
        if !is_within(*since, now) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

/// What is counted, and the most of it; `None` for what is not.
fn doing(person: &Person, route: &Route) -> Option<(Doing, u32)> {
    route.audits.filter(|what| *what != "logout")?;
    // All tokens of one owner are the owner.
    let who = person.as_str().split(" (token ").next().unwrap_or_default().to_owned();
    match (route.verb, route.needs) {
        (Verb::Post, None | Some(Role::ReadOnly)) => Some(((who, route.path), OWN_AFFAIRS)),
        // Looks that leave an entry, too: only who may act sees what leaves one.
        _ => Some(((who, "work"), WORK)),
    }
}

fn is_within(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now >= since && now - since < TimeDelta::hours(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::console::table;

    fn route(path: &str) -> Route {
        table::all().into_iter().find(|route| route.path == path && route.audits.is_some()).unwrap()
    }

    #[test]
    fn what_was_done_too_often_waits_for_its_hour_and_holds_nothing_and_nobody_else_up() {
        let (allowance, begun) = (Allowance::default(), DateTime::UNIX_EPOCH);
        let person = |name: &str| Person::named(name).unwrap();
        let (tokens, sessions, pause) =
            (route("/account/tokens"), route("/account/sessions/end"), route("/connections/{name}/pause"));
        let may = |name: &str, route: &Route, minutes: i64| {
            allowance.may(&person(name), route, begun + TimeDelta::minutes(minutes)).is_ok()
        };
        for minute in 0..i64::from(OWN_AFFAIRS) {
            assert!(may("rita", &tokens, minute / 3));
            allowance.count(&person("rita"), &tokens, begun + TimeDelta::minutes(minute / 3));
        }
        assert!(!may("rita", &tokens, 59) && may("rita", &sessions, 59) && may("otto", &tokens, 59));
        assert!(may("rita", &tokens, 60), "another hour");
        for _ in 0..WORK {
            allowance.count(&person("otto (token a)"), &pause, begun);
        }
        assert!(!may("otto (token b)", &pause, 1) && !may("otto", &pause, 1), "tokens are their owner");
        assert!(may("otto", &sessions, 1) && may("otto", &route("/logout"), 1));
        let look = route("/records/{flow}/{key}");
        for _ in 0..WORK - 1 {
            allowance.count(&person("lena"), &look, begun);
        }
        assert!(may("lena", &look, 1), "to look at records all day is work");
    }
}
