//! `mlc man`: manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use serde_json::json;

use crate::{Arguments, Exit, Failure, output::Output};

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where to write them; created when it is not there. `man -l DIR/mlc.1` shows the first.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(command: Man, output: Output) -> Result<Exit, Failure> {
    let Man { folder } = command;
    let unwritable = |path: &std::path::Path, error: std::io::Error| {
        Failure::Wrong(format!("{} cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, error))?;
    let pages = pages()?;
    for (name, text) in &pages {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, error))?;
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let text = format!("Wrote {} pages to {}", names.len(), folder.display());
    output.answer(text, &json!({ "folder": folder, "pages": names }))?;
    Ok(Exit::Done)
}

/// Every page by the name of its file, such as `mlc-dead-letters-list.1`.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        let version = format!("ml-connector {}", command.get_version().unwrap_or_default());
        let command = if command.has_subcommands() { command.subcommand_value_name("COMMAND") } else { command };
        let page = clap_mangen::Man::new(command).manual("ml-connector").source(version);
        let mut text = Vec::new();
        page.render(&mut text).map_err(|error| Failure::Defect(format!("a manual page cannot be made: {error}")))?;
        pages.push((page.get_filename(), text));
    }
    pages.sort();
    Ok(pages)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// How each command is called that the help shows, by the name of its page.
    fn commands(command: &clap::Command, called: &str, found: &mut BTreeMap<String, String>) {
        found.insert(called.replace(' ', "-"), called.to_owned());
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
            commands(sub, &format!("{called} {}", sub.get_name()), found);
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_name_what_it_does_and_how_it_is_called() {
        let pages = pages().unwrap();
        let mut words = BTreeMap::new();
        commands(&Arguments::command(), "mlc", &mut words);
        let names: BTreeSet<String> = pages.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, words.keys().map(|name| format!("{name}.1")).collect());
        assert_eq!(names.len(), pages.len(), "two commands share a page");
        for (file, text) in &pages {
            let text = String::from_utf8(text.clone()).unwrap();
            let name = file.strip_suffix(".1").unwrap();
            let section = |title: &str| {
                let begin =
                    text.find(&format!("\n.SH {title}\n")).unwrap_or_else(|| panic!("{file} has no {title}:\n{text}"));
                let rest = &text[begin + title.len() + 6..];
                rest[..rest.find("\n.SH ").unwrap_or(rest.len())].replace("\\-", "-")
            };
            let (_, what) = section("NAME").split_once(" - ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            assert!(section("NAME").contains(name) && what.trim().len() > 10, "{file}: {what:?}");
            let synopsis = section("SYNOPSIS").replace("\\fB", "").replace("\\fR", "");
            assert!(
                synopsis.contains(&name.replacen("mlc-", "mlc ", 1)) || synopsis.contains("mlc"),
                "{file}: {synopsis}"
            );
            for placeholder in ["TODO", "FIXME", "TBD", "XXX", "lorem", "placeholder"] {
                assert!(!text.contains(placeholder), "{file} holds {placeholder}");
            }
            assert!(!text.contains("-help(1)"), "{file} names a page that is not written:\n{text}");
        }
    }
}
