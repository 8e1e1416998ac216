//! What is shown, what is selected, what is being asked; keys change it and become wishes.

use mlc_model::is_blank;
use mlc_queue::{Lane, LaneStatus};
use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    widgets::TableState,
};

use super::sample::Sample;
use crate::action::REASON_CHARS;

/// What a person wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    Pause { lane: Lane, reason: String },
    Resume { lane: Lane, reason: String },
    Release { lane: Lane, reason: String },
}

/// A question that waits for its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// What will be done.
    pub(super) verb: Verb,
    /// To which lane.
    pub(super) lane: Lane,
    /// What a person should know before.
    pub(super) about: String,
    /// The reason so far.
    pub(super) reason: String,
}

/// What will be done to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Pause,
    Resume,
    Release,
}

impl Verb {
    /// For the question.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Release => "Release the hold of",
        }
    }
}

/// Everything that is drawn.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The newest that was seen.
    pub(super) sample: Option<Sample>,
    /// Why nothing newer was.
    pub(super) away: Option<String>,
    /// The selected lane and how far the list is scrolled.
    pub(super) table: TableState,
    /// The question that is being asked.
    pub(super) question: Option<Question>,
    /// What became of the last wish, and whether it was granted.
    pub(super) told: Option<(String, bool)>,
}

impl Screen {
    /// One frame without anybody at the keys.
    pub(super) fn showing(sample: Sample) -> Self {
        Self { sample: Some(sample), ..Self::default() }
    }

    /// A newer sample. The selection stays with its lane when others come and go.
    pub(super) fn see(&mut self, sample: Sample) {
        if self.sample.as_ref().is_some_and(|newest| newest.at > sample.at) {
            return;
        }
        let chosen = self.chosen().map(|status| status.lane.clone());
        let place = chosen.and_then(|lane| sample.lanes.iter().position(|status| status.lane == lane));
        let last = sample.lanes.len().checked_sub(1);
        let kept = place.or_else(|| Some(self.table.selected().unwrap_or(0).min(last?)));
        self.table.select(kept.filter(|_| last.is_some()));
        self.sample = Some(sample);
        self.away = None;
    }

    /// Nothing newer can be seen.
    pub(super) fn lose_sight(&mut self, why: &str) {
        self.away = Some(why.to_owned());
    }

    /// What became of a wish.
    pub(super) fn tell(&mut self, text: String, is_good: bool) {
        self.told = Some((text, is_good));
    }

    /// The selected lane.
    pub(super) fn chosen(&self) -> Option<&LaneStatus> {
        self.sample.as_ref()?.lanes.get(self.table.selected()?)
    }

    /// A key. Keys that mean nothing change nothing.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if with_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Some(Wish::Quit);
        }
        if self.question.is_some() {
            return if with_control { None } else { self.answer(key.code) };
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-10),
            KeyCode::PageDown => self.step(10),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Char('p') => self.ask_to_pause(),
            KeyCode::Char('r') => self.ask_to_resume(),
            _ => {}
        }
        None
    }

    fn step(&mut self, by: isize) {
        let lanes = self.sample.as_ref().map_or(0, |sample| sample.lanes.len());
        let Some(last) = lanes.checked_sub(1) else { return };
        let place = self.table.selected().unwrap_or(0);
        self.table.select(Some(place.saturating_add_signed(by).min(last)));
    }

    fn ask_to_pause(&mut self) {
        self.told = None;
        let Some(status) = self.chosen() else { return };
        let about = match &status.paused {
            Some(stop) => format!("it is paused by {}: {}; the new reason replaces that one", stop.by, stop.reason),
            None => format!("{} running jobs end, {} wait", status.running, status.ready + status.delayed),
        };
        self.question = Some(Question { verb: Verb::Pause, lane: status.lane.clone(), about, reason: String::new() });
    }

    /// A hold first: whoever ends it must have seen why it is there.
    fn ask_to_resume(&mut self) {
        self.told = None;
        let Some(status) = self.chosen() else { return };
        let (verb, about) = match (&status.held, &status.paused) {
            (Some(stop), _) => (Verb::Release, format!("its credentials were refused: {}", stop.reason)),
            (None, Some(stop)) => (Verb::Resume, format!("it is paused by {}: {}", stop.by, stop.reason)),
            (None, None) => {
                let text = format!("{} is neither paused nor held", status.lane);
                return self.tell(text, false);
            }
        };
        self.question = Some(Question { verb, lane: status.lane.clone(), about, reason: String::new() });
    }

    fn answer(&mut self, code: KeyCode) -> Option<Wish> {
        let question = self.question.as_mut()?;
        match code {
            KeyCode::Esc => self.question = None,
            KeyCode::Backspace => drop(question.reason.pop()),
            KeyCode::Char(c) if !c.is_control() && question.reason.chars().count() < REASON_CHARS => {
                question.reason.push(c);
            }
            KeyCode::Enter if !is_blank(&question.reason) => {
                let Question { verb, lane, reason, .. } = self.question.take()?;
                return Some(match verb {
                    Verb::Pause => Wish::Pause { lane, reason },
                    Verb::Resume => Wish::Resume { lane, reason },
                    Verb::Release => Wish::Release { lane, reason },
                });
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use chrono::DateTime;
    use mlc_queue::LaneStop;

    use super::*;

    pub(in super::super) fn lane(name: &str) -> LaneStatus {
        LaneStatus {
            lane: Lane::parse(name).unwrap(),
            ready: 3,
            delayed: 2,
            running: 1,
            dead: 0,
            bytes: 10,
            oldest_age: None,
            oldest_wait: None,
            cap: Some(2),
            paused: None,
            held: None,
        }
    }

    pub(in super::super) fn stop(by: &str, reason: &str) -> Option<LaneStop> {
        Some(LaneStop { by: by.to_owned(), reason: reason.to_owned(), at: DateTime::UNIX_EPOCH })
    }

    pub(in super::super) fn sample(lanes: Vec<LaneStatus>) -> Sample {
        Sample {
            at: DateTime::UNIX_EPOCH,
            lanes,
            unconsumed: Vec::new(),
            pace: Vec::new(),
            workers: Vec::new(),
            budgets: Vec::new(),
            causes: Vec::new(),
        }
    }

    fn type_in(screen: &mut Screen, text: &str) -> Option<Wish> {
        let mut last = None;
        for c in text.chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            last = screen.press(KeyEvent::from(code));
        }
        last
    }

    #[test]
    fn the_selection_stays_with_its_lane_and_within_the_list() {
        let mut screen = Screen::default();
        screen.press(KeyEvent::from(KeyCode::Down));
        screen.see(sample(Vec::new()));
        assert_eq!((screen.chosen().is_none(), screen.press(KeyEvent::from(KeyCode::Char('p')))), (true, None));
        screen.see(sample(vec![lane("b"), lane("c")]));
        screen.press(KeyEvent::from(KeyCode::End));
        assert_eq!(screen.chosen().unwrap().lane.as_str(), "c");
        screen.see(sample(vec![lane("a"), lane("b"), lane("c")]));
        assert_eq!(screen.chosen().unwrap().lane.as_str(), "c");
        screen.press(KeyEvent::from(KeyCode::PageDown));
        screen.press(KeyEvent::from(KeyCode::Home));
        screen.press(KeyEvent::from(KeyCode::Up));
        assert_eq!(screen.chosen().unwrap().lane.as_str(), "a");
        screen.press(KeyEvent::from(KeyCode::PageDown));
        screen.see(sample(vec![lane("a")]));
        assert_eq!(screen.chosen().unwrap().lane.as_str(), "a");
    }

    #[test]
    fn a_switch_is_moved_only_with_a_reason_and_not_by_keys_of_the_reason() {
        let mut screen = Screen::default();
        screen.see(sample(vec![lane("a")]));
        assert_eq!(type_in(&mut screen, "p\n"), None, "without a reason nothing happens");
        let wish = type_in(&mut screen, "quarter rq\n");
        let name = Lane::parse("a").unwrap();
        assert_eq!(wish, Some(Wish::Pause { lane: name.clone(), reason: "quarter rq".to_owned() }));
        assert!(screen.question.is_none());
        type_in(&mut screen, "px");
        screen.press(KeyEvent::from(KeyCode::Esc));
        assert_eq!((screen.question.is_none(), type_in(&mut screen, "q")), (true, Some(Wish::Quit)));
        type_in(&mut screen, "p");
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen.press(control_c), Some(Wish::Quit), "the way out is open while a question stands");
    }

    #[test]
    fn a_hold_is_shown_before_it_is_released_and_goes_before_a_pause() {
        let mut screen = Screen::default();
        screen.see(sample(vec![LaneStatus {
            held: stop("queue", "401"),
            paused: stop("otto", "month end"),
            ..lane("a")
        }]));
        type_in(&mut screen, "r");
        assert!(screen.question.as_ref().unwrap().about.contains("401"));
        let name = Lane::parse("a").unwrap();
        assert_eq!(type_in(&mut screen, "ok\n"), Some(Wish::Release { lane: name.clone(), reason: "ok".to_owned() }));
        screen.see(sample(vec![LaneStatus { paused: stop("otto", "month end"), ..lane("a") }]));
        type_in(&mut screen, "r");
        assert!(screen.question.as_ref().unwrap().about.contains("month end"));
        assert_eq!(type_in(&mut screen, "ok\n"), Some(Wish::Resume { lane: name, reason: "ok".to_owned() }));
        screen.see(sample(vec![lane("a")]));
        type_in(&mut screen, "r");
        assert_eq!((screen.question.is_none(), screen.told.as_ref().unwrap().1), (true, false));
    }
}
