//! `mlc dead-letters edit`: another payload for a letter.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::Args;
use mlc_model::JobId;
use serde_json::{Value, json};
use tokio::{
    process::Command,
    signal::unix::{Signal, SignalKind, signal},
};

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
        None => in_editor(&opened).await?,
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

/// Lets the person edit until it is a payload, or they give up. Whatever ends this, the draft goes with it.
async fn in_editor(opened: &Opened) -> Result<Value, Failure> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    let Some(editor) = editor else {
        return Err(Failure::Usage("set $EDITOR, or hand over the new payload with `--from FILE`".to_owned()));
    };
    let mut signals =
        Signals::watch().map_err(|error| Failure::Wrong(format!("signals cannot be watched: {error}")))?;
    let draft = Draft::create(&format!("{:#}\n", opened.editable.payload))?;
    let stopped = || Failure::Wrong("stopped; nothing was done".to_owned());
    let at_terminal = io::stdin().is_terminal();
    loop {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&draft.file);
        let mut editor =
            command.spawn().map_err(|error| Failure::Wrong(format!("the editor cannot be started: {error}")))?;
        tokio::select! {
            status = editor.wait() => match status {
                Ok(status) if status.success() => {}
                Ok(_) => return Err(Failure::Wrong("the editor gave up; nothing was done".to_owned())),
                Err(error) => return Err(Failure::Wrong(format!("the editor was lost: {error}"))),
            },
            // At a terminal Ctrl-C goes to the editor too, which knows what it means there.
            () = signals.end(!at_terminal) => {
                let _ = editor.kill().await;
                return Err(stopped());
            }
        }
        let checked = parse(&read(&draft.file)?).and_then(|after| edit::review(opened, &after).map(|_| after));
        match checked {
            Err(Failure::Usage(problem)) if at_terminal && !problem.contains("same as before") => {
                note(format!("{problem}. Enter edits again, Ctrl-C leaves it as it was."));
                tokio::select! {
                    again = enter() => if !again { return Err(Failure::Usage(problem)) },
                    () = signals.end(true) => return Err(stopped()),
                }
            }
            other => return other,
        }
    }
}

/// Waits for the Enter key. False when nobody is there to press it.
async fn enter() -> bool {
    let (pressed, press) = tokio::sync::oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own at the end, and this one may wait for ever.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = pressed.send(io::stdin().read_line(&mut line).is_ok_and(|read| read > 0));
    });
    press.await.unwrap_or(false)
}

/// What ends a command from outside. From the moment that it is watched, the command has to end by itself.
struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when the command has to end.
    async fn end(&mut self, interrupt_too: bool) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => return,
                _ = self.interrupt.recv() => if interrupt_too { return },
            }
        }
    }
}

/// A file in a folder that nobody else can enter, both gone in the end: payloads hold business data, and editors leave copies
/// beside what they edit.
struct Draft {
    folder: PathBuf,
    file: PathBuf,
}

impl Draft {
    fn create(text: &str) -> Result<Self, Failure> {
        let name = format!("mlc-edit-{}-{:016x}", std::process::id(), rand::random::<u64>());
        // Where there is one, a place of the person's own that is in memory and gone with the login: SIGKILL leaves the file.
        let place = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|place| place.is_dir());
        let folder = place.unwrap_or_else(std::env::temp_dir).join(name);
        let failed = |error: io::Error| Failure::Wrong(format!("no file for the editor: {error}"));
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let draft = Self { file: folder.join("payload.json"), folder };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.file).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
