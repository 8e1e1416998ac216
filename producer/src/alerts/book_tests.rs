#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use mlc_runtime::settings::Settings;

use super::*;

/// A channel that tells everything and one that tells only what is critical, and a clock that is moved by hand.
struct Story {
    book: AlertBook,
    settings: AlertsSettings,
    now: DateTime<Utc>,
}

fn condition(subject: &str, severity: AlertSeverity) -> Condition {
    Condition {
        kind: AlertKind::Held,
        subject: subject.to_owned(),
        severity,
        since: None,
        changed_at: None,
        text: format!("{subject} is odd"),
        path: "/".to_owned(),
    }
}

fn warning(subject: &str) -> Condition {
    condition(subject, AlertSeverity::Warning)
}

fn critical(subject: &str) -> Condition {
    condition(subject, AlertSeverity::Critical)
}

impl Story {
    fn new() -> Self {
        Self::with("")
    }

    fn with(line: &str) -> Self {
        let text = format!(
            "[alerts]\n{line}\n[alerts.channels.all]\nkind = \"slack\"\n[alerts.channels.pager]\nkind = \"slack\"\nmin_severity = \"critical\""
        );
        let settings = Settings::parse("mlc.toml", &text, []).unwrap().alerts;
        Self { book: AlertBook::default(), settings, now: "2026-11-22T12:00:00Z".parse().unwrap() }
    }

    fn after(&mut self, secs: i64) -> &mut Self {
        self.now += TimeDelta::seconds(secs);
        self
    }

    /// One look; all channels take what they are sent. What each was told, such as `all: firing a, resolved b`.
    fn look(&mut self, found: &[Condition]) -> Vec<String> {
        self.look_without(&[], found)
    }

    fn look_without(&mut self, unknown: &[AlertKind], found: &[Condition]) -> Vec<String> {
        note(&mut self.book, found.to_vec(), unknown, &self.settings, self.now);
        compose(&mut self.book, &self.settings, self.now);
        // As it is stored between two looks, by whichever process.
        self.book = serde_json::from_str(&serde_json::to_string(&self.book).unwrap()).unwrap();
        let mut told = Vec::new();
        for (name, entry) in &mut self.book.channels {
            let Some(message) = &entry.message else { continue };
            let words: Vec<String> =
                message.events.iter().map(|event| format!("{} {}", event.news.as_str(), event.alert.subject)).collect();
            let summary = if message.summary { "summary: " } else { "" };
            told.push(format!("{name}: {summary}{}", words.join(", ")));
            taken(entry, self.now);
        }
        told
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn what_begins_together_is_one_message_the_most_important_first() {
    let mut story = Story::new();
    assert_eq!(story.look(&[warning("a")]), NOTHING);
    assert_eq!(story.after(15).look(&[warning("a"), critical("b")]), NOTHING);
    let all = [warning("a"), critical("b"), warning("c")];
    assert_eq!(story.after(15).look(&all), ["all: firing b, firing a, firing c"]);
    assert_eq!(story.after(15).look(&all), ["pager: firing b"]);
    assert_eq!(story.after(3600).look(&all), NOTHING);
}

#[test]
fn what_lasts_is_told_again_and_what_is_over_once() {
    let mut story = Story::new();
    let a = [warning("a")];
    story.look(&a);
    assert_eq!(story.after(30).look(&a), ["all: firing a"]);
    assert_eq!(story.after(4 * 3600 - 60).look(&a), NOTHING);
    assert_eq!(story.after(60).look(&a), ["all: still_firing a"]);
    assert_eq!(story.after(15).look(&[]), NOTHING);
    assert_eq!(story.after(30).look(&[]), ["all: resolved a"]);
    assert_eq!(story.after(5 * 3600).look(&[]), NOTHING);
    assert_eq!(story.book.alerts, Vec::new());
    assert!(story.book.channels.values().all(|entry| entry.told.is_empty()));
    // The next one is another one.
    story.look(&a);
    assert_eq!(story.after(30).look(&a), ["all: firing a"]);
}

#[test]
fn what_comes_and_goes_at_once_is_not_told_and_what_flickers_is_told_once() {
    let mut story = Story::new();
    story.look(&[warning("a")]);
    assert_eq!(story.after(15).look(&[]), NOTHING);
    assert_eq!(story.after(60).look(&[]), NOTHING);
    assert_eq!(story.book.alerts, Vec::new());
    for second in 0..8 {
        let found = if second % 2 == 0 { vec![warning("b")] } else { Vec::new() };
        let told = story.after(15).look(&found);
        assert_eq!(told.len(), usize::from(second == 2), "{second}: {told:?}");
    }
}

#[test]
fn what_could_not_be_read_neither_begins_nor_ends() {
    let mut story = Story::new();
    story.look(&[warning("a")]);
    assert_eq!(story.after(30).look(&[warning("a")]), ["all: firing a"]);
    for _ in 0..10 {
        assert_eq!(story.after(60).look_without(&[AlertKind::Held], &[]), NOTHING);
    }
    assert_eq!(story.after(15).look(&[]), NOTHING);
    assert_eq!(story.after(30).look(&[]), ["all: resolved a"]);
}

#[test]
fn what_gets_worse_is_told_at_once_to_those_who_did_not_hear_of_it_too() {
    let mut story = Story::new();
    story.look(&[warning("a")]);
    assert_eq!(story.after(30).look(&[warning("a")]), ["all: firing a"]);
    assert_eq!(story.after(15).look(&[critical("a")]), ["all: firing a", "pager: firing a"]);
    // Both hear of the end, although it is critical no more.
    assert_eq!(story.after(15).look(&[warning("a")]), NOTHING);
    story.after(15).look(&[]);
    assert_eq!(story.after(30).look(&[]), ["all: resolved a", "pager: resolved a"]);
}

#[test]
fn a_shelf_that_does_not_grow_is_not_told_again() {
    let mut story = Story::new();
    let letters = |changed_at: DateTime<Utc>| [Condition { changed_at: Some(changed_at), ..warning("cause") }];
    let first = letters(story.now);
    story.look(&first);
    assert_eq!(story.after(30).look(&first), ["all: firing cause"]);
    assert_eq!(story.after(5 * 3600).look(&first), NOTHING);
    let grown = letters(story.now);
    assert_eq!(story.after(15).look(&grown), ["all: still_firing cause"]);
}

#[test]
fn in_a_quiet_time_only_what_is_critical_is_told_and_the_rest_at_its_end_as_one() {
    // From 12:00 to 13:00.
    let mut story = Story::with("quiet = [{ from = \"12:00\", until = \"13:00\" }]");
    let both = [warning("a"), critical("b")];
    story.look(&both);
    assert_eq!(story.after(30).look(&both), ["all: firing b", "pager: firing b"]);
    // One begins and ends within it, the critical one ends too.
    assert_eq!(story.after(600).look(&[warning("a"), warning("c")]), NOTHING);
    assert_eq!(story.after(60).look(&[warning("a"), warning("c")]), ["all: resolved b", "pager: resolved b"]);
    assert_eq!(story.after(60).look(&[warning("a")]), NOTHING);
    let told = story.after(3600 - 751).look(&[warning("a")]);
    assert_eq!(told, NOTHING, "a second before one o'clock");
    assert_eq!(story.after(1).look(&[warning("a")]), ["all: summary: firing a, resolved c"]);
    assert_eq!(story.after(60).look(&[warning("a"), warning("d")]), NOTHING);
    assert_eq!(story.after(60).look(&[warning("a"), warning("d")]), ["all: firing d"], "no summary any more");
}

#[test]
fn a_message_stays_the_same_until_it_is_taken_and_is_written_anew_after_an_hour() {
    let mut story = Story::new();
    let note_and_compose = |story: &mut Story, found: &[Condition]| {
        note(&mut story.book, found.to_vec(), &[], &story.settings, story.now);
        let given_up = compose(&mut story.book, &story.settings, story.now);
        (story.book.channels[&"all".parse::<ChannelId>().unwrap()].message.clone(), given_up.len())
    };
    let name: ChannelId = "all".parse().unwrap();
    story.look(&[warning("a")]);
    story.after(30);
    let (first, _) = note_and_compose(&mut story, &[warning("a")]);
    let first = first.unwrap();
    let next_at = story.now + TimeDelta::seconds(5);
    failed(story.book.channels.get_mut(&name).unwrap(), "status 500".to_owned(), next_at);
    story.after(60);
    let (again, _) = note_and_compose(&mut story, &[warning("a"), warning("b")]);
    let again = again.unwrap();
    assert_eq!((&again.id, &again.events, again.attempts, again.next_at), (&first.id, &first.events, 1, next_at));
    story.after(3600);
    let (anew, given_up) = note_and_compose(&mut story, &[warning("b")]);
    let anew = anew.unwrap();
    assert_eq!(given_up, 1);
    assert_ne!(anew.id, first.id);
    // It never heard of a, which was there for longer than a moment.
    let words: Vec<&str> = anew.events.iter().map(|event| event.alert.subject.as_str()).collect();
    assert_eq!(words, ["b"]);
    taken(story.book.channels.get_mut(&name).unwrap(), story.now);
    assert_eq!(story.after(60).look(&[warning("b")]), ["all: resolved a"]);
}

#[test]
fn an_event_keeps_its_id_in_another_message() {
    let mut story = Story::new();
    let ids = |story: &Story| {
        let message = story.book.channels[&"all".parse::<ChannelId>().unwrap()].message.clone().unwrap();
        (message.id, message.events[0].id.clone())
    };
    let compose_at = |story: &mut Story| {
        note(&mut story.book, vec![warning("a")], &[], &story.settings, story.now);
        compose(&mut story.book, &story.settings, story.now);
        ids(story)
    };
    story.look(&[warning("a")]);
    let first = compose_at(story.after(30));
    let name: ChannelId = "all".parse().unwrap();
    failed(story.book.channels.get_mut(&name).unwrap(), "status 500".to_owned(), story.now);
    let second = compose_at(story.after(3600));
    assert!(first.0 != second.0 && first.1 == second.1, "{first:?} {second:?}");
    taken(story.book.channels.get_mut(&name).unwrap(), story.now);
    let third = compose_at(story.after(4 * 3600));
    assert!(third.1 != first.1 && third.1.split('.').next() == first.1.split('.').next(), "{first:?} {third:?}");
}

#[test]
fn a_thousand_alerts_are_one_message_of_fifty_and_a_number_and_all_count_as_told() {
    let mut story = Story::new();
    let many: Vec<Condition> = (0..1_000).map(|n| warning(&format!("c{n:04}"))).collect();
    story.look(&many);
    story.after(30);
    note(&mut story.book, many.clone(), &[], &story.settings, story.now);
    compose(&mut story.book, &story.settings, story.now);
    let entry = story.book.channels.get_mut(&"all".parse().unwrap()).unwrap();
    let message = entry.message.clone().unwrap();
    assert_eq!((message.events.len(), message.more), (50, 950));
    taken(entry, story.now);
    assert_eq!(story.after(60).look(&many), NOTHING);
}

#[test]
fn a_channel_that_is_away_for_ever_does_not_fill_the_book() {
    let mut story = Story::new();
    for round in 0..1_500 {
        story.after(60);
        note(&mut story.book, vec![warning(&format!("r{round}"))], &[], &story.settings, story.now);
        compose(&mut story.book, &story.settings, story.now);
        for entry in story.book.channels.values_mut() {
            failed(entry, "status 500".to_owned(), story.now);
        }
    }
    assert!(story.book.alerts.len() <= MOST_ALERTS, "{}", story.book.alerts.len());
    assert!(serde_json::to_string(&story.book).unwrap().len() < 1_000_000);
}

#[test]
fn a_channel_that_left_the_settings_is_forgotten_and_a_new_one_hears_what_fires() {
    let mut story = Story::new();
    story.look(&[critical("a")]);
    assert_eq!(story.after(30).look(&[critical("a")]).len(), 2);
    let channel = story.settings.channels.remove(&"pager".parse().unwrap()).unwrap();
    story.after(15).look(&[critical("a")]);
    assert_eq!(story.book.channels.len(), 1);
    story.settings.channels.insert("second".parse().unwrap(), channel);
    assert_eq!(story.after(15).look(&[critical("a")]), ["second: firing a"]);
}
