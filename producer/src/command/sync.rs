//! `mlc sync`: bring a flow up to date now.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::Args;
use mlc_flow::{Extent, flow_kind};
use mlc_ledger::Purpose;
use mlc_model::{Clock as _, FlowId, SystemClock};
use mlc_queue::Priority;
use mlc_runtime::settings::duration;
use serde_json::json;

use super::{
    Caller,
    follow::{Ending, Following},
};
use crate::{Exit, Failure, Ordered, Rooms, order_poll, output::Output};

#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The flow, such as epicor_to_hubspot::vendors.
    flow: String,
    /// Read what changed since then: 2026-11-01, 2026-11-01T06:00:00Z, or how long ago, such as 2h or 3d.
    #[arg(long, value_name = "WHEN", conflicts_with = "full", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Read every row, whatever the checkpoint says.
    #[arg(long)]
    full: bool,
    /// Order it and return; without this the command follows the work to its end (Ctrl-C stops only the following).
    #[arg(long)]
    no_wait: bool,
}

impl Sync {
    fn extent(&self) -> (Extent, Purpose, &'static str) {
        match (self.full, self.since) {
            (true, _) => (Extent::Full, Purpose::Full, "full"),
            // The worker opens these as questions of their own: the checkpoint does not move with them.
            (false, Some(at)) => (Extent::Since(at), Purpose::Replay, "since"),
            (false, None) => (Extent::Incremental, Purpose::Incremental, "incremental"),
        }
    }
}

pub(crate) async fn run(command: Sync, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    let (id, flow) = rooms.flow(&command.flow)?;
    if flow_kind(flow.kind(&id)).is_ok_and(|kind| kind.entities.is_empty()) {
        return Err(Failure::NothingMatched(format!(
            "{id} cannot be asked for: the webhooks of {} announce what is new, and there is nothing to poll. What was announced \
             stands in `mlc jobs --connection {}` and `mlc dead-letters list`",
            flow.from, flow.from
        )));
    }
    rooms.set_caps().await?;
    let (extent, purpose, word) = command.extent();
    let mut following = Following::start(&rooms, &id, flow, purpose).await?;
    let ordered = order_poll(&rooms.queue, &id, flow, extent, Priority::Person, rooms.person.as_str()).await?;
    let after = match extent {
        Extent::Since(at) => format!("since {at}"),
        _ => word.to_owned(),
    };
    rooms.record("sync", id.as_str(), None, Some(after)).await?;
    if command.no_wait {
        return tell_order(&id, word, &ordered, output);
    }
    following.watch(&ordered).await?;
    let ending = following.until_the_end(output).await?;
    tell_ending(&id, word, &ordered, &ending, &rooms, output)
}

fn tell_order(id: &FlowId, extent: &str, ordered: &[Ordered], output: Output) -> Result<Exit, Failure> {
    let jobs: Vec<_> = ordered.iter().map(|order| &order.job).collect();
    let coalesced = ordered.iter().filter(|order| !order.new).count();
    let names: Vec<String> = ordered.iter().map(|order| format!("{} as job {}", order.entity, order.job)).collect();
    let more = if coalesced > 0 { format!(" ({coalesced} of them waited already)") } else { String::new() };
    let value = json!({ "flow": id, "extent": extent, "jobs": jobs, "coalesced": coalesced });
    output.answer(format!("Ordered {id}, {extent}: {}{more}", names.join(", ")), &value)?;
    Ok(Exit::Done)
}

fn tell_ending(
    id: &FlowId,
    extent: &str,
    ordered: &[Ordered],
    ending: &Ending,
    rooms: &Rooms,
    output: Output,
) -> Result<Exit, Failure> {
    let totals = ending.totals();
    let good = ending.is_good();
    let jobs: Vec<_> = ordered.iter().map(|order| &order.job).collect();
    output.json(&json!({
        "flow": id,
        "extent": extent,
        "jobs": jobs,
        "finished": ending.stopped.is_none(),
        "good": good,
        "stopped": ending.stopped,
        "read": totals.read,
        "changed": totals.changed,
        "unchanged": totals.unchanged,
        "superseded": totals.superseded,
        "refused": totals.refused,
        "excluded": totals.excluded,
        "requests": totals.requests,
        "seconds": (rooms.clock.now() - ending.started).as_seconds_f64(),
        "dead_letters": ending.dead_letters(),
        "causes": ending.causes,
        "windows": ending.windows,
    }))?;
    if ending.windows.is_empty() && ending.stopped.is_none() && ending.dead_letters() == 0 {
        output.line(format!("{id}: no window was opened, nothing can have changed since the last one"))?;
    }
    let rows = [
        ("rows read", totals.read),
        ("records changed", totals.changed),
        ("records unchanged", totals.unchanged),
        ("records superseded", totals.superseded),
        ("records refused", totals.refused),
        ("records excluded", totals.excluded),
        ("dead letters", ending.dead_letters()),
    ];
    // A vendor's contacts come in its row and are records of their own: more records than rows.
    output.table(["COUNTED", ""], rows.map(|(what, n)| [what.to_owned(), n.to_string()]).to_vec())?;
    let causes =
        ending.causes.iter().map(|cause| [cause.cause.clone(), cause.letters.to_string(), cause.example.clone()]);
    output.table(["CAUSE", "LETTERS", "EXAMPLE"], causes.collect())?;
    for row in ending.unclosed() {
        let why = row.reason.as_deref().unwrap_or("it is not read wholly, and no job of it is left");
        output.line(format!("Window {} is {}: {why}", row.window.id, row.state.as_str()))?;
    }
    if let Some(reason) = &ending.stopped {
        return Err(Failure::Wrong(format!("{id} is not finished: {reason}")));
    }
    if ending.dead_letters() > 0 {
        output.line("Correct the causes at the source, then `mlc dead-letters replay --cause CAUSE`.")?;
    } else if totals.refused > 0 {
        output.line("What was refused stands on the shelf from before: `mlc dead-letters list --by-cause`.")?;
    }
    Ok(if good { Exit::Done } else { Exit::Wrong })
}

fn since(text: &str) -> Result<DateTime<Utc>, String> {
    since_at(text, SystemClock.now())
}

fn since_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let ago = || now.checked_sub_signed(TimeDelta::from_std(duration::parse(text).ok()?).ok()?);
    let at = text.parse().ok().or_else(day).or_else(ago);
    at.filter(|at| *at < now).ok_or_else(|| {
        "use a time in the past: 2026-11-01, 2026-11-01T06:00:00Z, or how long ago, such as 2h or 3d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn since_is_an_instant_a_day_or_an_age() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-01T06:00:00Z", "2026-11-01T06:00:00Z"),
            ("2026-11-01T06:00:00+01:00", "2026-11-01T05:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2h", "2026-11-22T10:00:00Z"),
        ] {
            assert_eq!(since_at(text, now).unwrap(), expected.parse::<DateTime<Utc>>().unwrap(), "{text}");
        }
        for wrong in ["2026-11-23", "yesterday", ""] {
            assert!(since_at(wrong, now).is_err(), "{wrong}");
        }
    }
}
