//! `mlc sync`: bring a flow up to date now.

use chrono::{DateTime, Utc};
use clap::Args;
use mlc_model::{Clock as _, FlowId, SystemClock};
use serde_json::json;

use super::{
    Caller,
    follow::{Ending, Following},
};
use crate::{Exit, Failure, Ordered, Rooms, action::sync, output::Output};

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

pub(crate) async fn run(command: Sync, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    let (id, flow) = rooms.flow(&command.flow)?;
    sync::can_be_asked_for(&id, flow)?;
    let request = sync::Request::new(command.since, command.full);
    let word = request.word();
    let mut following = Following::start(&rooms, &id, flow, request.purpose()).await?;
    let begun = rooms.begin("sync", id.as_str()).await?;
    let ordered = begun.unless_refused(sync::order(&rooms, &id, flow, request).await).await?;
    begun.close(id.as_str(), None, Some(request.after())).await?;
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

/// A time that is past, as people write it.
pub(super) fn since(text: &str) -> Result<DateTime<Utc>, String> {
    sync::since_at(text, SystemClock.now())
}
