//! Pieces that give a page its shape: heads, cards, tabs, steps, bars.

use maud::{Markup, html};

/// The head of a page: its title, what stands beside it, and what can be done.
pub(crate) fn head(title: Markup, beside: Markup, actions: Markup) -> Markup {
    html! {
        div .head {
            h1 { (title) }
            (beside)
            @if !actions.0.is_empty() { div .actions { (actions) } }
        }
    }
}

/// Figures side by side.
pub(crate) fn cards(cards: &[Markup]) -> Markup {
    html! { ul .cards { @for card in cards { (card) } } }
}

/// One figure with its name and a note. `tone` as for badges, where the figure itself is good or bad news.
pub(crate) fn card(tone: &str, name: &str, figure: Markup, note: Markup) -> Markup {
    html! {
        li class=(format!("card {tone}")) {
            span .name { (name) }
            span .figure { (figure) }
            span .note { (note) }
        }
    }
}

/// One of several views of the same thing.
#[derive(Debug, Clone)]
pub(crate) struct Tab<'a> {
    /// Its address.
    pub(crate) href: String,
    /// Its name.
    pub(crate) name: &'a str,
    /// Whether it is shown now.
    pub(crate) current: bool,
}

/// Links between views of the same thing. `label` says what they choose.
pub(crate) fn tabs(label: &str, tabs: &[Tab<'_>]) -> Markup {
    html! {
        nav aria-label=(label) {
            ul .tabs {
                @for tab in tabs {
                    li { a href=(tab.href) aria-current=[tab.current.then_some("page")] { (tab.name) } }
                }
            }
        }
    }
}

/// One step of a timeline.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// As for badges.
    pub(crate) tone: &'static str,
    /// When, as `time()` shows it.
    pub(crate) when: Markup,
    /// What happened.
    pub(crate) title: Markup,
    /// More about it; may be empty.
    pub(crate) body: Markup,
}

/// What happened, one step after the other.
pub(crate) fn timeline(label: &str, steps: &[Step]) -> Markup {
    html! {
        ol .timeline aria-label=(label) {
            @for step in steps {
                li class=(step.tone) {
                    p { strong { (step.title) } " " span .when { (step.when) } }
                    (step.body)
                }
            }
        }
    }
}

/// How far something is that has an end.
pub(crate) fn progress(label: &str, done: u64, total: u64) -> Markup {
    html! { progress aria-label=(label) max=(total.max(1)) value=(done.min(total)) { (done) " of " (total) } }
}

/// How much of a limit is used. From 90 % on it warns, at 100 % it is bad: the words beside it must say so too.
pub(crate) fn meter(label: &str, used: u64, limit: u64) -> Markup {
    let limit = limit.max(1);
    let tone = match used.saturating_mul(100) / limit {
        0..90 => "",
        90..100 => "warn",
        _ => "bad",
    };
    html! { progress class=(tone) aria-label=(label) max=(limit) value=(used.min(limit)) { (used) " of " (limit) } }
}
