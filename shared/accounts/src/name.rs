//! The name of an account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::AccountsError;

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

    /// The name under which a new account is made: in lower case, and of letters that cannot pass for others. What is not of ASCII
    /// could: `аdmin` with a Cyrillic `а` looks like `admin` to everybody who gives it a role. Accounts from before keep their names.
    ///
    /// # Errors
    /// `NewName`.
    pub fn for_new(&self) -> Result<Self, AccountsError> {
        let name = self.0.to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.chars().all(plain) { Ok(Self(name)) } else { Err(AccountsError::NewName) }
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
    fn a_new_name_is_of_letters_that_look_like_themselves() {
        let new = |text: &str| AccountName::parse(text).unwrap().for_new().map(|name| name.to_string());
        for (text, name) in [("lena", "lena"), ("Lena.B-2_x", "lena.b-2_x"), ("4711", "4711")] {
            assert_eq!(new(text).unwrap(), name);
        }
        // Cyrillic, Turkish, fullwidth, combined, mixed and other letters; a dash that is none.
        let odd = [
            "\u{430}dmin",
            "adm\u{131}n",
            "\u{ff41}dmin",
            "a\u{308}dmin",
            "J\u{f6}rg",
            "李",
            "a\u{2010}b",
            "le na",
            "lena@ops",
            "-x",
            ".",
        ];
        for text in odd {
            assert!(matches!(new(text), Err(AccountsError::NewName)), "{text}");
        }
    }

    #[test]
    fn capitals_do_not_tell_two_names_apart() {
        assert_eq!(AccountName::parse(" Lena "), AccountName::parse("lena"));
        assert_eq!(AccountName::parse("Lena").unwrap().to_string(), "Lena");
    }
}
