//! What a connection test found out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How one checked thing looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but somebody should know.
    Warning,
    /// The flows cannot work like this.
    Bad,
}

impl Verdict {
    /// The verdict as it is shown and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One checked thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingLine {
    /// What was checked, such as `token` or `property epicor_key`.
    pub what: String,
    /// How it looks.
    pub verdict: Verdict,
    /// What was seen, in one sentence without secrets.
    pub detail: String,
    /// What a person can do about it; `None` when there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Everything a connection test checked, in the order of checking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingReport {
    /// The checked things.
    pub lines: Vec<PingLine>,
}

impl PingReport {
    /// Adds a thing that is as it should be.
    pub fn good(&mut self, what: impl Into<String>, detail: impl Into<String>) {
        self.push(what.into(), Verdict::Good, detail.into(), None);
    }

    /// Adds a thing that works, with what to do about it.
    pub fn warning(&mut self, what: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) {
        self.push(what.into(), Verdict::Warning, detail.into(), Some(fix.into()));
    }

    /// Adds a thing that stops the flows, with what to do about it.
    pub fn bad(&mut self, what: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) {
        self.push(what.into(), Verdict::Bad, detail.into(), Some(fix.into()));
    }

    /// The worst verdict of all lines; an empty report is good.
    pub fn worst(&self) -> Verdict {
        self.lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Good)
    }

    fn push(&mut self, what: String, verdict: Verdict, detail: String, fix: Option<String>) {
        self.lines.push(PingLine { what, verdict, detail, fix });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_line_makes_a_bad_report() {
        let mut report = PingReport::default();
        assert_eq!(report.worst(), Verdict::Good);
        report.good("token", "accepted");
        report.bad("scope", "missing", "grant it");
        report.warning("clock", "2 minutes apart", "set it");
        assert_eq!(report.worst(), Verdict::Bad);
    }
}
