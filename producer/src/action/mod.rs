//! What people do, whichever face they use: the command line and the console call the same functions. Each acts, and tells
//! what it changed; the face records that under the person's name and words the answer.

pub(crate) mod begun;
pub(crate) mod edit;
pub(crate) mod lane;
pub(crate) mod letter_terms;
pub(crate) mod ping;
pub(crate) mod record;
pub(crate) mod review;
pub(crate) mod secret;
pub(crate) mod sync;
pub(crate) mod window;

use crate::Failure;

/// What an action changed, as the audit keeps it. Holds no secret and no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What it was done to.
    pub(crate) subject: String,
    /// State before.
    pub(crate) before: String,
    /// State after.
    pub(crate) after: String,
}

/// Longest reason in characters.
pub(crate) const REASON_CHARS: usize = 500;

/// A person's reason: one line that says something.
///
/// # Errors
/// `Usage`: blank, longer than 500 characters, or with control characters.
pub(crate) fn reason(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_CHARS || text.contains(char::is_control) {
        return Err(Failure::Usage(format!(
            "a reason is one line of 1 to {REASON_CHARS} characters, such as `upgrade on Sunday`"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        assert_eq!(reason("  upgrade on Sunday ").ok(), Some("upgrade on Sunday"));
        for bad in ["", "  ", "a\nb", "a\u{1b}[2Jb", &"x".repeat(REASON_CHARS + 1)] {
            assert!(reason(bad).is_err(), "{bad:?}");
        }
    }
}
