//! Which letters a command is about.

use std::time::Duration;

use clap::Args;
use mlc_model::{FaultKind, JobId};
use mlc_queue::DeadFilter;

use super::not_there;
use crate::{
    Failure, Rooms,
    action::letter_terms::{Terms, age, fault_kind},
};

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Only this kind of job, such as push_record.
    #[arg(long)]
    kind: Option<String>,
    /// Only this kind of fault: transient, limited, unauthorized, rejected, uncertain or defect.
    #[arg(long, value_parser = fault_kind)]
    fault: Option<FaultKind>,
    /// Only this cause, as `groups` names it.
    #[arg(long)]
    cause: Option<String>,
    /// Only subjects that contain this text, in any case. For a whole record key, `list` shows batches that may carry it too;
    /// replay and discard leave them alone.
    #[arg(long)]
    subject: Option<String>,
    /// Only reasons that contain this text, in any case.
    #[arg(long)]
    error: Option<String>,
    /// Only letters that this person looks after, as `assign` says.
    #[arg(long, value_name = "WHO")]
    assignee: Option<String>,
    /// Only letters at least so old, such as 2h or 3d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    /// The same in one text, such as 'lane=hubspot-main kind=push_record fault=rejected subject~VEND error~"no name" older>2h'.
    #[arg(long = "where", value_name = "TERMS", value_parser = Terms::parse)]
    terms: Option<Terms>,
}

#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The letters.
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Every letter on the shelf.
    #[arg(long)]
    all: bool,
}

/// What a command is to act on.
pub(super) enum Target {
    Ids(Vec<JobId>),
    Matching(DeadFilter),
}

impl Filter {
    /// The first option that was given, empty or not; `None` = none was.
    fn first(&self) -> Option<&'static str> {
        let Self { connection, kind, fault, cause, subject, error, assignee, older_than, terms } = self;
        let given = [
            ("`--connection`", connection.is_some()),
            ("`--kind`", kind.is_some()),
            ("`--fault`", fault.is_some()),
            ("`--cause`", cause.is_some()),
            ("`--subject`", subject.is_some()),
            ("`--error`", error.is_some()),
            ("`--assignee`", assignee.is_some()),
            ("`--older-than`", older_than.is_some()),
            ("`--where`", terms.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    fn terms(self) -> Result<Terms, Failure> {
        let Self { connection: lane, kind, fault, cause, subject, error, assignee, older_than: older, terms } = self;
        let flags = Terms { lane, kind, fault, cause, subject, error, assignee, older, younger: None };
        if let Some(name) = flags.blank() {
            let text = format!("`--{name}` is empty, which would be every letter: leave it out, or say which");
            return Err(Failure::Usage(text));
        }
        flags
            .and(terms.unwrap_or_default())
            .map_err(|what| Failure::Usage(format!("`--where` and an option both say which {what}")))
    }

    /// The filter, and whether it leaves anything out.
    pub(super) async fn read(self, rooms: &Rooms) -> Result<(DeadFilter, bool), Failure> {
        let terms = self.terms()?;
        let filtered = !terms.is_empty();
        let lane = match &terms.lane {
            Some(name) => Some(rooms.lane(name).await?),
            None => None,
        };
        Ok((terms.filter(lane, rooms.clock.now()), filtered))
    }
}

impl Chosen {
    pub(super) async fn read(self, rooms: &Rooms) -> Result<Target, Failure> {
        let Self { ids, filter, all } = self;
        let by_option = filter.first();
        let (matching, filtered) = filter.read(rooms).await?;
        let ways = [(!ids.is_empty()).then_some("ids"), by_option, all.then_some("`--all`")];
        let ways: Vec<&str> = ways.into_iter().flatten().collect();
        match ways[..] {
            // Whoever says both means one of them, and only that person knows which.
            [one, other, ..] => Err(Failure::Usage(format!(
                "{one} and {other} contradict each other: name ids, or a filter, or `--all`, only one of them"
            ))),
            _ if !ids.is_empty() => {
                let parse = |id: &String| JobId::parse(id).map_err(|_| not_there(id));
                Ok(Target::Ids(ids.iter().map(parse).collect::<Result<_, _>>()?))
            }
            _ if filtered || all => Ok(Target::Matching(matching)),
            _ => Err(Failure::Usage(
                "nothing is chosen: name ids, a filter such as `--cause` or `--where`, or `--all`".to_owned(),
            )),
        }
    }
}
