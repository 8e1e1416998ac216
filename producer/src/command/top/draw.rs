//! A frame. Every text from outside goes through [`clean`]: it could hold commands to the terminal.

use chrono::{DateTime, SecondsFormat, Utc};
use mlc_model::is_hidden_mark;
use mlc_queue::{LaneStatus, PaceMinute};
use ratatui::{
    Frame, Terminal,
    backend::TestBackend,
    layout::{Constraint, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Paragraph, Row, Sparkline, Table},
};

use super::{
    layout::{Needs, divide},
    sample::Sample,
    screen::Screen,
};

/// Columns below which lanes leave out what matters least.
const NARROW: u16 = 90;
/// Columns below which they leave out more.
const NARROWEST: u16 = 60;
const KEYS: &str = "q quit   ↑↓ select   p pause   r resume or release";

/// Draws everything that there is room for.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen) {
    let area = frame.area();
    let needs = screen.sample.as_ref().map_or_else(|| needs(&[], 0, 0, 0), needs_of);
    let parts = divide(area, needs);
    frame.render_widget(head(screen), parts.head);
    match &screen.sample {
        None => {
            let text = if screen.away.is_some() { "Waits for Redis." } else { "Looks for the first time." };
            frame.render_widget(Paragraph::new(text).block(Block::bordered().title("Lanes")), parts.lanes);
        }
        Some(sample) => {
            let table = lanes(sample, parts.lanes.width);
            frame.render_stateful_widget(table, parts.lanes, &mut screen.table);
            let beside =
                [(parts.workers, workers(sample)), (parts.budgets, budgets(sample)), (parts.causes, causes(sample))];
            for (part, table) in beside {
                if let Some(part) = part {
                    frame.render_widget(table, part);
                }
            }
            if let Some(part) = parts.chart {
                throughput(frame, part, &sample.pace);
            }
        }
    }
    frame.render_widget(foot(screen), parts.foot);
}

/// One frame as lines of text, as high as it needs to be.
pub(super) fn plain(mut screen: Screen, columns: u16) -> String {
    let needs = screen.sample.as_ref().map_or_else(|| needs(&[], 0, 0, 0), needs_of);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, needs.height(columns)));
    let Ok(_) = terminal.draw(|frame| draw(frame, &mut screen));
    let buffer = terminal.backend().buffer();
    let lines = buffer.content.chunks(usize::from(columns.max(1))).map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    // Nobody presses keys there.
    let last = lines.pop();
    lines.extend(last.filter(|_| screen.away.is_some()));
    lines.join("\n")
}

fn needs_of(sample: &Sample) -> Needs {
    needs(&sample.lanes, sample.workers.len(), sample.budgets.len(), sample.causes.len())
}

fn needs(lanes: &[LaneStatus], workers: usize, budgets: usize, causes: usize) -> Needs {
    let rows = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).min(2_000);
    Needs { lanes: rows(lanes.len()), workers: rows(workers), budgets: rows(budgets), causes: rows(causes) }
}

fn head(screen: &Screen) -> Line<'_> {
    let mut spans = vec![Span::styled("mlc top  ", Modifier::BOLD)];
    if let Some(sample) = &screen.sample {
        let sum = |count: fn(&LaneStatus) -> u64| sample.lanes.iter().map(count).sum::<u64>();
        spans.push(Span::raw(format!(
            "{}  ready {}  delayed {}  running {}  dead {}  done per minute {}  ",
            sample.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            sum(|lane| lane.ready),
            sum(|lane| lane.delayed),
            sum(|lane| lane.running),
            sum(|lane| lane.dead),
            // The last minute has only begun.
            sample.pace.iter().rev().nth(1).map_or(0, |minute| minute.done),
        )));
    }
    if screen.away.is_some() {
        // What was seen last is old: that has to be read before the numbers.
        spans.insert(1, Span::styled("Redis is away  ", bad()));
    }
    Line::from(spans)
}

fn foot(screen: &Screen) -> Line<'_> {
    if let Some(question) = &screen.question {
        return Line::from(vec![
            Span::styled(format!("{} {}? ", question.verb.as_str(), question.lane), Modifier::BOLD),
            Span::raw(format!("({}) Reason: ", clean(&question.about))),
            Span::styled(format!("{}▏", clean(&question.reason)), Modifier::UNDERLINED),
            Span::raw("  Enter does it, Esc does not"),
        ]);
    }
    if let Some(why) = &screen.away {
        return Line::from(Span::styled(format!("Redis is away: {}", clean(why)), bad()));
    }
    match &screen.told {
        Some((text, true)) => Line::from(Span::styled(clean(text), Style::new().fg(Color::Green))),
        Some((text, false)) => Line::from(Span::styled(clean(text), bad())),
        None => Line::from(Span::styled(KEYS, Modifier::DIM)),
    }
}

fn lanes(sample: &Sample, columns: u16) -> Table<'_> {
    // A narrow screen keeps the reasons rather than every number.
    let is_narrow = columns < NARROW;
    let is_kept = |column: usize| match column {
        3 | 6 => !is_narrow,
        4 => columns >= NARROWEST,
        _ => true,
    };
    let rows = sample.lanes.iter().map(|status| {
        let (state, why, style) = state(status, sample);
        let running = status.cap.map_or_else(|| status.running.to_string(), |cap| format!("{}/{cap}", status.running));
        let oldest = status.oldest_age.map_or_else(|| "-".to_owned(), |age| span(age.as_secs()));
        let cells = [
            status.lane.to_string(),
            state.to_owned(),
            status.ready.to_string(),
            status.delayed.to_string(),
            running,
            status.dead.to_string(),
            oldest,
            why,
        ];
        let cells = cells.into_iter().enumerate().filter(|(column, _)| is_kept(*column)).map(|(_, cell)| cell);
        Row::new(cells.collect::<Vec<_>>()).style(style)
    });
    // Names as wide as they are and no wider: reasons are long.
    let longest = sample.lanes.iter().map(|status| status.lane.as_str().len()).max().unwrap_or(0);
    let name = u16::try_from(longest.clamp(4, if is_narrow { 16 } else { 32 })).unwrap_or(32);
    let header = ["LANE", "STATE", "READY", "DELAYED", "RUNNING", "DEAD", "OLDEST", "WHY"];
    let widths = [name, 6, 7, 7, 7, 7, 6].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]);
    let chosen = |(column, _): &(usize, _)| is_kept(*column);
    let header: Vec<&str> =
        header.into_iter().enumerate().filter(|(column, _)| is_kept(*column)).map(|(_, name)| name).collect();
    let widths = widths.enumerate().filter(chosen).map(|(_, width)| width);
    boxed(Table::new(rows, widths), &header, format!("Lanes ({})", sample.lanes.len()))
        .column_spacing(if is_narrow { 1 } else { 2 })
        .row_highlight_style(Modifier::REVERSED)
}

/// State and reason of a lane.
fn state(status: &LaneStatus, sample: &Sample) -> (&'static str, String, Style) {
    let why = |stop: &mlc_queue::LaneStop| format!("{}: {}", clean(&stop.by), clean(&stop.reason));
    match (&status.held, &status.paused) {
        (Some(held), _) => ("held", why(held), bad()),
        (None, Some(paused)) => ("paused", why(paused), Style::new().fg(Color::Yellow)),
        (None, None) if sample.unconsumed.contains(&status.lane) => {
            ("open", "nobody takes its jobs: start a worker".to_owned(), bad())
        }
        (None, None) => ("open", String::new(), Style::new()),
    }
}

fn workers(sample: &Sample) -> Table<'_> {
    let rows = sample.workers.iter().map(|worker| {
        Row::new([
            clean(&format!("{}/{}", worker.host, worker.process)),
            clean(&worker.version),
            format!("{}/{}", worker.running, worker.places),
            since(worker.started_at, sample.at),
            since(worker.seen_at, sample.at),
        ])
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(7),
    ];
    let title = if sample.workers.is_empty() {
        "Workers: none lives".to_owned()
    } else {
        format!("Workers ({})", sample.workers.len())
    };
    let style = if sample.workers.is_empty() { bad() } else { Style::new() };
    boxed(Table::new(rows, widths), &["WORKER", "VERSION", "RUNNING", "UP", "SEEN"], title).style(style)
}

fn budgets(sample: &Sample) -> Table<'_> {
    let rows = sample.budgets.iter().map(|budget| {
        let style = if budget.left == 0 { Style::new().fg(Color::Yellow) } else { Style::new() };
        Row::new([clean(&budget.connection), clean(&budget.family), budget.left.to_string()]).style(style)
    });
    let widths = [Constraint::Min(12), Constraint::Length(12), Constraint::Length(10)];
    boxed(Table::new(rows, widths), &["BUDGET OF", "FAMILY", "LEFT"], "Budgets".to_owned())
}

fn causes(sample: &Sample) -> Table<'_> {
    let rows = sample.causes.iter().map(|cause| {
        Row::new([
            cause.letters.to_string(),
            since(cause.last_at, sample.at),
            clean(&cause.text),
            clean(&cause.example),
        ])
    });
    let widths = [Constraint::Length(8), Constraint::Length(7), Constraint::Fill(1), Constraint::Fill(1)];
    boxed(
        Table::new(rows, widths),
        &["LETTERS", "LAST", "CAUSE", "REASON"],
        "Most frequent causes of dead letters".to_owned(),
    )
}

fn boxed<'a>(table: Table<'a>, header: &[&'a str], title: String) -> Table<'a> {
    let header = Row::new(header.iter().copied()).style(Modifier::DIM);
    table.header(header).column_spacing(2).block(Block::bordered().title(title))
}

fn throughput(frame: &mut Frame<'_>, area: Rect, pace: &[PaceMinute]) {
    let sum = |count: fn(&PaceMinute) -> u64| pace.iter().map(count).sum::<u64>();
    let title = format!(
        "Done per minute, last {} minutes: {} in all, most {}; failed {}, dead {}",
        pace.len(),
        sum(|minute| minute.done),
        pace.iter().map(|minute| minute.done).max().unwrap_or(0),
        sum(|minute| minute.failed),
        sum(|minute| minute.dead),
    );
    // Wide terminals give each minute several columns, so that the line fills its box.
    let columns = usize::from(area.width.saturating_sub(2));
    let wide = (columns / pace.len().max(1)).max(1);
    let shown = pace.len().min(columns / wide);
    let bars = pace[pace.len() - shown..].iter().flat_map(|minute| std::iter::repeat_n(minute.done, wide));
    let chart =
        Sparkline::default().data(bars).style(Style::new().fg(Color::Cyan)).block(Block::bordered().title(title));
    frame.render_widget(chart, area);
}

fn bad() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    span(u64::try_from((now - at).num_seconds()).unwrap_or(0))
}

/// A span in its largest unit, in at most five columns.
fn span(secs: u64) -> String {
    match secs {
        0..=119 => format!("{secs}s"),
        120..=7_199 => format!("{}m", secs / 60),
        7_200..=172_799 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// A text from outside on one line, without anything that a terminal would obey or write backwards.
fn clean(text: &str) -> String {
    text.chars().take(400).map(|c| if c.is_control() || is_hidden_mark(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use chrono::TimeDelta;
    use mlc_queue::{Cause, WorkerPresence};

    use super::*;
    use crate::command::top::{
        sample::BudgetLeft,
        screen::tests::{lane, sample, stop},
    };

    const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}<script>\u{202e}\u{9b}31m";

    fn full() -> Sample {
        let mut full = sample(vec![
            LaneStatus { held: stop("queue", HOSTILE), ..lane("adobe-main") },
            LaneStatus { paused: stop("otto", "month end"), ..lane("epicor-main") },
            lane("hubspot-main"),
        ]);
        full.unconsumed = vec![full.lanes[2].lane.clone()];
        full.pace = (0..60)
            .map(|minute| PaceMinute {
                at: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
                done: u64::try_from(minute).unwrap() * 10,
                ..PaceMinute::default()
            })
            .collect();
        full.workers = vec![WorkerPresence {
            id: "w".to_owned(),
            host: HOSTILE.to_owned(),
            process: 4711,
            version: "0.1.0".to_owned(),
            started_at: DateTime::UNIX_EPOCH,
            seen_at: DateTime::UNIX_EPOCH,
            kinds: Vec::new(),
            places: 16,
            running: 3,
        }];
        full.budgets = vec![BudgetLeft { connection: "hubspot-main".to_owned(), family: "burst".to_owned(), left: 77 }];
        full.causes = vec![Cause {
            hash: "0123".to_owned(),
            text: "hubspot/rejected/x".to_owned(),
            letters: 1_234,
            example: HOSTILE.repeat(100),
            first_at: DateTime::UNIX_EPOCH,
            last_at: DateTime::UNIX_EPOCH,
            triage: None,
        }];
        full
    }

    #[test]
    fn one_frame_as_text_tells_everything_and_commands_nothing() {
        for columns in [40, 80, 120, 200] {
            let text = plain(Screen::showing(full()), columns);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
            assert!(!text.contains('\u{202e}') && !text.contains('\u{9b}'), "{text}");
            for needle in
                ["Lanes (3)", "adobe-main", "hubspot-main", "Workers (1)", "Budgets", "burst", "Done per minute"]
            {
                assert!(text.contains(needle), "{needle} at {columns}:\n{text}");
            }
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= usize::from(columns), "{longest} at {columns}:\n{text}");
        }
        let text = plain(Screen::showing(full()), 140);
        for needle in
            ["held", "otto: month end", "nobody takes its jobs", "1/2", "1234", "hubspot/rejected/x", "77", "█"]
        {
            assert!(text.contains(needle), "{needle}:\n{text}");
        }
        assert!(text.contains("done per minute 580"), "the minute that has only begun does not count:\n{text}");
        assert!(!text.contains("q quit"), "{text}");
    }

    #[test]
    fn a_screen_of_any_size_can_be_drawn_in_every_state() {
        let mut states: Vec<Screen> =
            vec![Screen::default(), Screen::showing(sample(Vec::new())), Screen::showing(full())];
        let mut away = Screen::showing(full());
        away.lose_sight(HOSTILE);
        states.push(away);
        let mut asking = Screen::default();
        asking.see(full());
        asking.press(ratatui::crossterm::event::KeyEvent::from(ratatui::crossterm::event::KeyCode::Char('r')));
        states.push(asking);
        for screen in &mut states {
            for (width, height) in [(0, 0), (1, 1), (3, 2), (20, 5), (40, 10), (80, 24), (99, 30), (100, 30), (250, 70)]
            {
                let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
                let Ok(_) = terminal.draw(|frame| draw(frame, screen));
            }
        }
    }

    #[test]
    fn that_redis_is_away_is_told_beside_what_was_seen_last() {
        let mut screen = Screen::showing(full());
        screen.lose_sight("no answer within 5 s");
        let text = plain(screen, 200);
        assert!(text.contains("Redis is away: no answer within 5 s") && text.contains("hubspot-main"), "{text}");
        let mut never = Screen::default();
        never.lose_sight("refused");
        assert!(plain(never, 120).contains("Waits for Redis."));
    }
}
