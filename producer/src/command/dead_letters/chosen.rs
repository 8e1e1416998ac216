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
        let (matching, filtered) = filter.read(rooms).await?;
        match (ids.is_empty(), filtered, all) {
            (false, false, false) => {
                let parse = |id: &String| JobId::parse(id).map_err(|_| not_there(id));
                Ok(Target::Ids(ids.iter().map(parse).collect::<Result<_, _>>()?))
            }
            (true, true, false) | (true, false, true) => Ok(Target::Matching(matching)),
            (true, false, false) => Err(Failure::Usage(
                "nothing is chosen: name ids, a filter such as `--cause` or `--where`, or `--all`".to_owned(),
            )),
            _ => Err(Failure::Usage("name ids, or a filter, or `--all`: only one of them".to_owned())),
        }
    }
}
