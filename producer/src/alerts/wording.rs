//! Alerts in words, the same on every channel. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use mlc_ledger::{AlertEvent, AlertMessage, AlertNews};
use mlc_model::is_hidden_mark;
use mlc_runtime::settings::AlertSeverity;

/// A text of ours or of a name, safe on one line: no control characters, none that turn the direction of reading around or show
/// nothing, and not too long.
pub(super) fn clean(text: &str, most: usize) -> String {
    let harmless = |c: &char| !c.is_control() && !is_hidden_mark(*c);
    let mut short: String = text.chars().filter(harmless).take(most + 1).collect();
    if short.chars().count() > most {
        short = short.chars().take(most.saturating_sub(1)).collect();
        short.push('…');
    }
    short
}

/// A time in its largest unit: `4 min`.
pub(super) fn lasting(time: TimeDelta) -> String {
    let secs = time.num_seconds().max(0);
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// An instant to the minute.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// What a message is about, on one line.
pub(super) fn headline(message: &AlertMessage) -> String {
    let of = |news: AlertNews| message.events.iter().filter(move |event| event.news == news);
    let parts =
        [(AlertNews::Firing, "new"), (AlertNews::StillFiring, "still firing"), (AlertNews::Resolved, "resolved")];
    let mut words: Vec<String> = parts
        .into_iter()
        .filter_map(|(news, word)| match of(news).count() {
            0 => None,
            n => Some(format!("{n} {word}")),
        })
        .collect();
    if message.more > 0 {
        words.push(format!("{} more", message.more));
    }
    let worst = message.events.iter().filter(|event| event.news != AlertNews::Resolved);
    let worst = worst.map(|event| event.alert.severity).max();
    let mark = match worst {
        Some(AlertSeverity::Critical) => "Critical: ",
        Some(AlertSeverity::Warning) => "Warning: ",
        Some(AlertSeverity::Info) | None => "",
    };
    let quiet = if message.summary { "Summary of a quiet time: " } else { "" };
    let only = match message.events.as_slice() {
        [event] if message.more == 0 => format!(", {} of {}", event.alert.kind, event.alert.subject),
        _ => String::new(),
    };
    format!("{quiet}{mark}{}{only}", words.join(", "))
}

/// One event without its link.
pub(super) fn line(event: &AlertEvent) -> String {
    let alert = &event.alert;
    let since = minute(alert.since);
    match (event.news, alert.ended_at) {
        (AlertNews::Resolved, Some(ended)) => {
            format!("[resolved] {} (from {since} to {})", alert.text, minute(ended))
        }
        (AlertNews::Resolved, None) => format!("[resolved] {}", alert.text),
        (AlertNews::Firing, _) => format!("[{}] {} (since {since})", alert.severity, alert.text),
        (AlertNews::StillFiring, _) => format!("[{}, still] {} (since {since})", alert.severity, alert.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_reading_around_or_breaks_lines_is_taken_out() {
        assert_eq!(clean("a\r\nBcc: b\u{202e}c\u{200b}\0d", 80), "aBcc: bcd");
        assert_eq!(clean(&"é".repeat(50), 10), format!("{}…", "é".repeat(9)));
        assert_eq!(clean("whole", 5), "whole");
    }

    #[test]
    fn a_time_is_told_in_its_largest_unit() {
        let table =
            [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (200_000, "2 days")];
        for (secs, text) in table {
            assert_eq!(lasting(TimeDelta::seconds(secs)), text);
        }
    }
}
