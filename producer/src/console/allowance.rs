//! How often somebody may do what leaves an entry in the audit.
//!
//! The audit keeps a fixed number of entries. Whoever could leave any number of them within minutes, by making and removing tokens or by
//! logging in and out, would push out what others did.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use mlc_accounts::Role;

use super::{
    call::Viewer,
    error::{ConsoleError, ErrorKind},
};

/// Of what everybody may do, such as making tokens or logging out.
const OWN_AFFAIRS: u32 = 120;
/// Logins from one address: many people can stand behind one.
const LOGINS: u32 = 600;
/// Of what needs the role operator or admin: a program that replays letters one by one is not held up.
const WORK: u32 = 5_000;
/// People and addresses that are counted; beyond it those whose hour is over are forgotten.
const COUNTED: usize = 10_000;

/// Who did how much of what within the hour that has begun with the first of it. Of this process, and gone with it.
#[derive(Debug, Default)]
pub(crate) struct Allowance(Mutex<HashMap<Doing, Count>>);

/// Who, and the most that is allowed of what they do.
type Doing = (String, u32);
/// Since when it is counted, and how often it was done.
type Count = (DateTime<Utc>, u32);

impl Allowance {
    /// One more entry.
    ///
    /// # Errors
    /// `TooMany`, with when it may go on.
    pub(crate) fn take(
        &self,
        viewer: &Viewer,
        needs: Option<Role>,
        caller: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<(), ConsoleError> {
        let (who, most) = match needs {
            // Nobody is known yet who logs in.
            None => (caller.map_or_else(|| "?".to_owned(), |address| address.to_string()), LOGINS),
            Some(Role::ReadOnly) => (viewer.person.to_string(), OWN_AFFAIRS),
            Some(_) => (viewer.person.to_string(), WORK),
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= COUNTED {
            counts.retain(|_, (since, _)| is_within(*since, now));
        }
        let (since, count) = counts.entry((who, most)).or_insert((now, 0));
        if !is_within(*since, now) {
            (*since, *count) = (now, 0);
        }
        if *count >= most {
            let minutes = (*since + TimeDelta::hours(1) - now).num_minutes() + 1;
            let message =
                format!("This was done {most} times within an hour, which is the most: go on in {minutes} min.");
            return Err(ConsoleError::new(ErrorKind::TooMany, message));
        }
        *count += 1;
        Ok(())
    }
}

fn is_within(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now >= since && now - since < TimeDelta::hours(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::Person;

    fn viewer(name: &str) -> Viewer {
        Viewer { person: Person::named(name).unwrap(), role: Role::Admin, logged_in: true }
    }

    #[test]
    fn own_affairs_end_at_their_most_within_an_hour_and_keep_nobody_else_and_no_work_back() {
        let (allowance, begun) = (Allowance::default(), DateTime::UNIX_EPOCH);
        let (rita, otto) = (viewer("rita"), viewer("otto"));
        let take = |who: &Viewer, needs, minutes: i64| {
            allowance.take(who, needs, None, begun + TimeDelta::minutes(minutes)).map_err(|error| error.kind)
        };
        for minute in 0..i64::from(OWN_AFFAIRS) {
            take(&rita, Some(Role::ReadOnly), minute / 3).unwrap();
        }
        assert_eq!(take(&rita, Some(Role::ReadOnly), 59), Err(ErrorKind::TooMany));
        assert_eq!(take(&rita, Some(Role::Operator), 59), Ok(()));
        assert_eq!(take(&otto, Some(Role::ReadOnly), 59), Ok(()));
        assert_eq!(take(&rita, Some(Role::ReadOnly), 60), Ok(()), "another hour");
    }
}
