//! The name of an account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name in characters. With a token's name behind it, it still is a name for the audit.
const LONGEST: usize = 60;

/// The login name of a person: 1 to 60 characters on one line, as it was first written. Capitals do not tell two apart.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// A text that cannot be a login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a login name: use 1 to 60 visible characters on one line, without round brackets, such as `lena`")]
pub struct InvalidAccountName;

impl AccountName {
    /// A name, without the space around it.
    ///
    /// # Errors
    /// [`InvalidAccountName`]. Round brackets are kept for tokens, `lena (token ci)` in the audit; characters that do not show
    /// could make one name look like another.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountName> {
        let name = text.trim();
        let length = name.chars().count();
        let refused = |c: char| c.is_control() || is_invisible(c) || c == '(' || c == ')';
        if length == 0 || length > LONGEST || name.chars().any(refused) {
            return Err(InvalidAccountName);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two spellings one account.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Characters of no width and marks of writing direction.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl PartialEq for AccountName {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for AccountName {}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountName {
    type Err = InvalidAccountName;
    fn from_str(text: &str) -> Result<Self, InvalidAccountName> {
        Self::parse(text)
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidAccountName;
    fn try_from(text: String) -> Result<Self, InvalidAccountName> {
        Self::parse(&text)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_name_that_could_pass_for_another_is_refused() {
        for text in ["", "  ", "lena\nroot", "lena\u{200b}", "\u{202e}anel", "lena (token ci)", &"x".repeat(61)] {
            assert_eq!(AccountName::parse(text), Err(InvalidAccountName), "{text:?}");
        }
        for text in ["lena", "lena@ops", "Jörg Weiß", "李"] {
            assert_eq!(AccountName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn capitals_do_not_tell_two_names_apart() {
        assert_eq!(AccountName::parse(" Lena "), AccountName::parse("lena"));
        assert_eq!(AccountName::parse("Lena").unwrap().to_string(), "Lena");
    }
}
