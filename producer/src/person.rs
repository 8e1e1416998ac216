//! Who gives the order: every action of a person is recorded under a name.

use std::fmt;

use mlc_model::is_blank;

/// Name of the person at the command line, 1 to 100 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(String);

impl Person {
    /// A name given with `--as`.
    ///
    /// # Errors
    /// A name of which nothing can be seen, one over 100 characters, or one with control characters.
    pub fn named(name: &str) -> Result<Self, String> {
        let name = name.trim();
        if is_blank(name) || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err("use 1 to 100 characters on one line, such as `lena` or `lena@ops`".to_owned());
        }
        Ok(Self(name.to_owned()))
    }

    /// `$USER@host`, with `unknown` for what the machine does not tell.
    pub fn at_this_machine() -> Self {
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
        let part = |text: Option<String>| {
            let clean: String = text.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(49).collect();
            if clean.is_empty() { "unknown".to_owned() } else { clean }
        };
        Self(format!("{}@{}", part(user), part(host)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_break_a_line_is_refused() {
        assert!(Person::named("lena\nroot").is_err());
        assert!(Person::named("  ").is_err() && Person::named("\u{200b}").is_err());
        assert_eq!(Person::named(" lena@ops ").as_ref().map(Person::as_str), Ok("lena@ops"));
        assert!(Person::at_this_machine().as_str().contains('@'));
    }
}
