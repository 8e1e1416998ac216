//! What is wrong with a settings file.

use std::fmt;

/// One thing that is wrong. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The file, or the environment variable that set the key.
    pub file: String,
    /// The key with its section, such as `connections.epicor-main.company`; empty for the file as a whole.
    pub key: String,
    /// Line in the file, counted from 1; `None` for what is missing or came from the environment.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}; {}", self.problem, self.fix)
    }
}

/// Everything that is wrong, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsErrors(pub Vec<SettingsError>);

impl SettingsErrors {
    pub(crate) fn of_file(file: &str, problem: &str) -> Self {
        Self(vec![SettingsError {
            file: file.to_owned(),
            key: String::new(),
            line: None,
            problem: problem.to_owned(),
            fix: "start from deploy/example.toml and name the file with --config".to_owned(),
        }])
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}
