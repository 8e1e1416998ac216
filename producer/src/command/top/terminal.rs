//! The terminal: taken as a whole, and given back however the process ends.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use ratatui::{
    DefaultTerminal,
    crossterm::{
        cursor,
        event::{self, Event},
        execute, terminal,
    },
};
use tokio::sync::mpsc;

use super::{draw, screen::Screen};
use crate::Failure;

/// How long the reader of keys can outlive what it reads for.
const KEY_POLL: Duration = Duration::from_millis(100);

/// The screen, in the terminal's other buffer. Dropping it gives the terminal back.
#[derive(Debug)]
pub(super) struct LiveTerminal(Option<DefaultTerminal>);

impl LiveTerminal {
    /// # Errors
    /// `Wrong`: a terminal that cannot do it.
    pub(super) fn take() -> Result<Self, Failure> {
        // Ratatui's own hook gives the terminal back before a panic is told; the process ends there, so that nobody else would
        // show the cursor again.
        let taken = ratatui::try_init();
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = execute!(io::stdout(), cursor::Show);
            tell(panic);
        }));
        match taken {
            Ok(terminal) => Ok(Self(Some(terminal))),
            Err(error) => {
                let _ = ratatui::try_restore();
                Err(Failure::Wrong(format!("the terminal cannot be used: {error}; `mlc top --once` needs none")))
            }
        }
    }

    /// # Errors
    /// `Wrong`: the terminal is gone.
    pub(super) fn draw(&mut self, screen: &mut Screen) -> Result<(), Failure> {
        let Some(terminal) = &mut self.0 else { return Ok(()) };
        let drawn = terminal.draw(|frame| draw::draw(frame, screen));
        drawn.map(drop).map_err(|error| Failure::Wrong(format!("the terminal cannot be written: {error}")))
    }
}

impl Drop for LiveTerminal {
    fn drop(&mut self) {
        // The terminal itself shows its cursor again, which has to come before the other buffer is left.
        drop(self.0.take());
        let _ = ratatui::try_restore();
    }
}

/// Keys and changes of size, from a thread of their own: reading them blocks. Ends when nobody listens, or without a terminal.
pub(super) fn keys() -> mpsc::Receiver<Event> {
    let (tell, keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        while !tell.is_closed() {
            match event::poll(KEY_POLL) {
                Ok(false) => {}
                Ok(true) => {
                    let Ok(event) = event::read() else { return };
                    if tell.blocking_send(event).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
    keys
}

/// Columns of the terminal; `None` when the answer goes to a file or a pipe.
pub(super) fn columns() -> Option<u16> {
    let size = io::stdout().is_terminal().then(terminal::size)?.ok()?;
    Some(size.0.max(40))
}
