//! Log lines, on standard error: standard output belongs to what a command was asked for.

use std::{
    io::{self, IsTerminal as _},
    panic::PanicHookInfo,
};

use tracing::{Subscriber, error};
use tracing_subscriber::{
    EnvFilter, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan, util::SubscriberInitExt as _,
};

use crate::settings::{LogFormat, LogSettings};

/// Starts logging, and turns panics into log lines. Call it once, first thing.
///
/// # Errors
/// A level that is not one, or a second call.
pub fn init(settings: &LogSettings) -> Result<(), LogsUnavailable> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| LogsUnavailable(error.to_string()))?;
    let colour = io::stderr().is_terminal();
    subscriber(settings.format, filter, colour, io::stderr)
        .try_init()
        .map_err(|error| LogsUnavailable(error.to_string()))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logging could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("logging could not start: {0}")]
pub struct LogsUnavailable(String);

fn subscriber<W>(format: LogFormat, filter: EnvFilter, colour: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => Box::new(registry.with(json_lines(writer))),
        LogFormat::Human => Box::new(
            registry.with(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour).with_target(false)),
        ),
    }
}

fn json_lines<S, W>(writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    // The current span's fields (job, flow, page) stand beside the event's: one line tells the story without its neighbours.
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
}

/// Tells where, not what: the text of a panic may hold a piece of what was being worked on.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    // Literal texts are ours; formatted ones may hold data.
    let text = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("text left out, it may hold data");
    error!(panic.place = %place, panic.thread = %thread, "Panicked at {place}: {text}");
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn capture(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(format, EnvFilter::new(level), false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        captured.text()
    }

    #[test]
    fn a_json_line_holds_message_fields_and_the_span_around_it() {
        let text = capture(LogFormat::Json, "info", || {
            let _span = tracing::info_span!("job", job.kind = "push_record").entered();
            tracing::info!(flow = "epicor_to_hubspot::vendors", "Pushed a batch");
            tracing::debug!("not shown");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "Pushed a batch");
        assert_eq!(line["flow"], "epicor_to_hubspot::vendors");
        assert_eq!(line["span"]["job.kind"], "push_record");
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn a_human_line_reads_well_without_colour() {
        let text = capture(LogFormat::Human, "info", || tracing::info!("Started"));
        assert!(text.contains("INFO Started"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_panic_is_logged_without_the_data_in_its_text() {
        let earlier = std::panic::take_hook();
        let text = capture(LogFormat::Json, "info", || {
            std::panic::set_hook(Box::new(log_panic));
            let secret = "canary-4711".to_owned();
            let _ = std::panic::catch_unwind(|| panic!("could not read {secret}"));
            let _ = std::panic::catch_unwind(|| panic!("a literal text"));
        });
        std::panic::set_hook(earlier);
        assert!(text.contains("logs.rs") && text.contains("a literal text"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
