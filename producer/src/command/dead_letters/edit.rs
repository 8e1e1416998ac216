//! `mlc dead-letters edit`: another payload for a letter.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use mlc_model::JobId;
use serde_json::{Value, json};

use super::not_there;
use crate::{
    Exit, Failure, Rooms,
    action::edit::{self, FieldChange, Opened},
    output::{Output, note},
};

/// Far more than any payload has.
const LARGEST: u64 = 8 << 20;

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The letter.
    id: String,
    /// Take the new payload from this JSON file, `-` for standard input; without it, $VISUAL or $EDITOR opens the payload.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: Edit, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let job = JobId::parse(&command.id).map_err(|_| not_there(&command.id))?;
    let opened = edit::open(rooms, &job).await.map_err(|failure| match failure {
        Failure::NothingMatched(_) => not_there(&command.id),
        other => other,
    })?;
    rooms.record("view_payload", job.as_str(), None, None).await?;
    let after = match &command.from {
        Some(file) => parse(&read(file)?)?,
        None => in_editor(&opened)?,
    };
    if command.dry_run {
        let changes = edit::review(&opened, &after)?;
        show(&changes, output)?;
        return answer(&job, &changes, false, output);
    }
    let begun = rooms.begin("edit_dead_letter", job.as_str()).await?;
    let edited = begun.unless_refused(edit::edit(rooms, &opened, &after).await).await?;
    let (before, after) = (Some(edited.before), Some(edited.after));
    begun.close_sealed(job.as_str(), before, after, Some(edited.sealed)).await?;
    show(&edited.changes, output)?;
    answer(&job, &edited.changes, true, output)
}

fn answer(job: &JobId, changes: &[FieldChange], edited: bool, output: Output) -> Result<Exit, Failure> {
    let text = match edited {
        true => format!("Edited {job}; `mlc dead-letters replay {job}` puts it back into its lane"),
        false => format!("{job} could be edited like this; nothing was done"),
    };
    output.answer(text, &json!({ "job": job, "edited": edited, "changes": changes }))?;
    Ok(Exit::Done)
}

fn show(changes: &[FieldChange], output: Output) -> Result<(), Failure> {
    changes.iter().try_for_each(|change| output.line(change.to_string()))
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable =
        |error: io::Error| Failure::Usage(format!("the payload cannot be read from {}: {error}", file.display()));
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        fs::File::open(file).map_err(unreadable)?.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        // Where, and not what: serde quotes what it finds.
        Failure::Usage(format!("the payload is no JSON: line {}, column {}", error.line(), error.column()))
    })
}

/// Lets the person edit until it is a payload, or they give up.
fn in_editor(opened: &Opened) -> Result<Value, Failure> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    let Some(editor) = editor else {
        return Err(Failure::Usage("set $EDITOR, or hand over the new payload with `--from FILE`".to_owned()));
    };
    let draft = Draft::create(&format!("{:#}\n", opened.editable.payload))?;
    loop {
        let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&draft.0).status();
        match status {
            Ok(status) if status.success() => {}
            Ok(_) => return Err(Failure::Wrong("the editor gave up; nothing was done".to_owned())),
            Err(error) => return Err(Failure::Wrong(format!("the editor cannot be started: {error}"))),
        }
        let checked = parse(&read(&draft.0)?).and_then(|after| edit::review(opened, &after).map(|_| after));
        match checked {
            Err(Failure::Usage(problem)) if io::stdin().is_terminal() && !problem.contains("same as before") => {
                note(format!("{problem}. Enter edits again, Ctrl-C leaves it as it was."));
                let mut line = String::new();
                if !io::stdin().read_line(&mut line).is_ok_and(|read| read > 0) {
                    return Err(Failure::Usage(problem));
                }
            }
            other => return other,
        }
    }
}

/// A file that nobody else can read, gone in the end: payloads hold business data.
struct Draft(PathBuf);

impl Draft {
    fn create(text: &str) -> Result<Self, Failure> {
        let name = format!("mlc-edit-{}-{:016x}.json", std::process::id(), rand::random::<u64>());
        // Where there is one, a folder of the person's own that is in memory and gone with the login: a killed command leaves its file.
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
        let path = folder.unwrap_or_else(std::env::temp_dir).join(name);
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|error| Failure::Wrong(format!("no file for the editor: {error}")))?;
        Ok(Self(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
