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

use mlc_model::is_blank;

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
/// `Usage`: nothing of it can be seen, longer than 500 characters, or with control characters.
pub(crate) fn reason(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    if is_blank(text) || text.chars().count() > REASON_CHARS || text.contains(char::is_control) {
        return Err(Failure::Usage(format!(
            "`reason` is one line of 1 to {REASON_CHARS} characters, some of which can be seen, such as `upgrade on Sunday`"
        )));
    }
    Ok(text)
}

/// What a person wrote where nothing need be written; `None` = it was left empty. What looks empty and is not was meant to say
/// something, or to get round the question.
///
/// # Errors
/// `Usage`, naming the field: nothing of it can be seen.
pub(crate) fn written<'a>(name: &str, text: &'a str) -> Result<Option<&'a str>, Failure> {
    match text {
        "" => Ok(None),
        blank if is_blank(blank) => Err(Failure::Usage(format!(
            "`{name}` has no character that can be seen: write something, or leave it empty"
        ))),
        text => Ok(Some(text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        assert_eq!(reason("  upgrade on Sunday ").ok(), Some("upgrade on Sunday"));
        for bad in ["", "  ", "a\nb", "a\u{1b}[2Jb", "\u{200b}", "\u{2060} \u{feff}", &"x".repeat(REASON_CHARS + 1)] {
            assert!(reason(bad).is_err_and(|error| error.to_string().contains("`reason`")), "{bad:?}");
        }
    }

    #[test]
    fn what_is_left_empty_is_not_written_and_what_only_looks_so_is_refused() {
        assert_eq!(written("note", "").ok(), Some(None));
        assert_eq!(written("note", " asked by Lena\u{200b}\n").ok(), Some(Some("asked by Lena\u{200b}")));
        for bad in [" ", "\u{200b}", "\u{feff}\n\u{2060}"] {
            assert!(written("note", bad).is_err_and(|error| error.to_string().contains("`note`")), "{bad:?}");
        }
    }
}
