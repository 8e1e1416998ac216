//! `mlc top`: how the whole stands, live in a terminal.

mod draw;
mod layout;
mod sample;
mod screen;
mod terminal;

use std::{io::IsTerminal as _, time::Duration};

use clap::Args;
use mlc_queue::Lane;
use mlc_runtime::shutdown::Shutdown;
use ratatui::crossterm::event::{Event, KeyEventKind};
use tokio::sync::mpsc;

use self::{
    sample::Sample,
    screen::{Screen, Wish},
    terminal::LiveTerminal,
};
use super::Caller;
use crate::{Exit, Failure, Rooms, action::lane, output};

/// Nobody looks on longer than this for one answer.
const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// Pause before Redis is tried again that could not be reached at the start.
const KNOCK_EVERY: Duration = Duration::from_secs(2);
/// Columns of one frame that goes to a file or a pipe.
const FILE_COLUMNS: u16 = 120;

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Print one frame as plain text and end: for scripts.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, default_value = "2", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

pub(crate) async fn run(command: Top, caller: &Caller) -> Result<Exit, Failure> {
    if command.once {
        let rooms = caller.open().await?;
        let sample = sample::take(&rooms).await?;
        caller.output.json(&sample)?;
        if !caller.output.is_json() {
            let columns = terminal::columns().unwrap_or(FILE_COLUMNS);
            output::write(&draw::plain(Screen::showing(sample), columns))?;
        }
        return Ok(Exit::Done);
    }
    if caller.output.is_json() {
        return Err(Failure::Usage("--json has one answer and `mlc top` has no end: add --once".to_owned()));
    }
    if !std::io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "standard output is no terminal: add --once for one frame as plain text".to_owned(),
        ));
    }
    // What is wrong with the settings is told before the screen is taken.
    caller.settings()?;
    let shutdown =
        Shutdown::on_signals().map_err(|error| Failure::Wrong(format!("signals cannot be watched: {error}")))?;
    let terminal = LiveTerminal::take()?;
    let looking = look_on(caller.clone(), Duration::from_secs(command.every), shutdown, terminal);
    looking.await.map(|()| Exit::Done)
}

/// What the side that talks to Redis tells the side that draws.
enum News {
    Opened(Box<Rooms>),
    Sample(Box<Sample>),
    Away(String),
    /// What became of a wish, and whether it was granted.
    Told(String, bool),
    /// Nothing that waiting would put right.
    Failed(Failure),
}

async fn look_on(
    caller: Caller,
    every: Duration,
    shutdown: Shutdown,
    mut terminal: LiveTerminal,
) -> Result<(), Failure> {
    let (tell, mut news) = mpsc::channel(16);
    let watching = tokio::spawn({
        let tell = tell.clone();
        async move {
            if let Err(failure) = watch(&caller, every, &tell).await {
                let _ = tell.send(News::Failed(failure)).await;
            }
        }
    });
    let mut keys = terminal::keys();
    let mut screen = Screen::default();
    let mut rooms: Option<Box<Rooms>> = None;
    let ended = loop {
        terminal.draw(&mut screen)?;
        tokio::select! {
            () = shutdown.wait() => break Ok(()),
            event = keys.recv() => {
                let wish = match event {
                    None => break Ok(()),
                    Some(Event::Key(key)) if key.kind != KeyEventKind::Release => screen.press(key),
                    // Drawing again is all that another size needs.
                    Some(_) => None,
                };
                match (wish, &rooms) {
                    (Some(Wish::Quit), _) => break Ok(()),
                    (Some(wish), Some(rooms)) => {
                        let (rooms, tell) = (rooms.clone(), tell.clone());
                        tokio::spawn(async move {
                            let told = grant(&rooms, wish).await;
                            // Who reads that it was done presses the next key for what it is now.
                            let _ = tell.send(look(&rooms).await).await;
                            let _ = tell.send(told).await;
                        });
                    }
                    (_, None) | (None, _) => {}
                }
            }
            Some(told) = news.recv() => match told {
                News::Opened(opened) => rooms = Some(opened),
                News::Sample(sample) => screen.see(*sample),
                News::Away(why) => screen.lose_sight(&why),
                News::Told(text, is_good) => screen.tell(text, is_good),
                News::Failed(failure) => break Err(failure),
            },
        }
    };
    watching.abort();
    drop(terminal);
    ended
}

/// Opens the rooms, however long that takes, then looks again and again.
async fn watch(caller: &Caller, every: Duration, tell: &mpsc::Sender<News>) -> Result<(), Failure> {
    let rooms = loop {
        match caller.open().await {
            Ok(rooms) => break rooms,
            Err(Failure::Redis(why)) => {
                let _ = tell.send(News::Away(why)).await;
                tokio::time::sleep(KNOCK_EVERY).await;
            }
            Err(failure) => return Err(failure),
        }
    };
    let _ = tell.send(News::Opened(Box::new(rooms.clone()))).await;
    loop {
        if tell.send(look(&rooms).await).await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(every).await;
    }
}

async fn look(rooms: &Rooms) -> News {
    match tokio::time::timeout(LOOK_WITHIN, sample::take(rooms)).await {
        Ok(Ok(sample)) => News::Sample(Box::new(sample)),
        Ok(Err(failure)) => News::Away(failure.to_string()),
        Err(_) => News::Away(format!("no answer within {} s", LOOK_WITHIN.as_secs())),
    }
}

/// Moves a switch, with its entry in the audit, as `mlc pause` and `mlc resume` do.
async fn grant(rooms: &Rooms, wish: Wish) -> News {
    let granted = match wish {
        Wish::Quit => return News::Told(String::new(), true),
        Wish::Pause { lane, reason } => pause(rooms, &lane, &reason).await,
        Wish::Resume { lane, reason } => resume(rooms, &lane, &reason).await,
        Wish::Release { lane, reason } => release(rooms, &lane, &reason).await,
    };
    match granted {
        Ok(text) => News::Told(text, true),
        Err(failure) => News::Told(failure.to_string(), false),
    }
}

async fn pause(rooms: &Rooms, name: &Lane, reason: &str) -> Result<String, Failure> {
    let begun = rooms.begin("pause", name.as_str()).await?;
    let paused = begun.unless_refused(lane::pause(rooms, name, reason).await).await?;
    begun.close_with(&paused.change).await?;
    Ok(format!("Paused {name}: {} running jobs end, {} wait", paused.before.running, paused.waiting()))
}

async fn resume(rooms: &Rooms, name: &Lane, reason: &str) -> Result<String, Failure> {
    let reason = crate::action::reason(reason)?;
    let begun = rooms.begin("resume", name.as_str()).await?;
    let Some(mut resumed) = begun.unless_refused(lane::unpause(rooms, name).await).await? else {
        begun.withdraw().await?;
        return Err(Failure::NothingMatched(format!("{name} is not paused any more")));
    };
    resumed.change.after = format!("{}: {reason}", resumed.change.after);
    begun.close_with(&resumed.change).await?;
    Ok(format!("Resumed {name}; {} jobs wait there", resumed.waiting()))
}

async fn release(rooms: &Rooms, name: &Lane, reason: &str) -> Result<String, Failure> {
    let reason = crate::action::reason(reason)?;
    let begun = rooms.begin("release_hold", name.as_str()).await?;
    let Some(released) = begun.unless_refused(lane::release(rooms, name, reason).await).await? else {
        begun.withdraw().await?;
        return Err(Failure::NothingMatched(format!("{name} is not held any more")));
    };
    begun.close_with(&released.change).await?;
    Ok(format!("Released {name}; {} jobs wait there", released.waiting()))
}
