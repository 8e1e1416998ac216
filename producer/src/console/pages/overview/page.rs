//! The overview as people see it: what is wrong first, then figures, charts and tables.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::value::{LaneRow, Minute, Overview, Period};
use crate::console::{
    components::{
        Chart, Days, Line, Tab, badge, card, cards, chart, empty, head, live, number, segment, span, table, tabs, text,
        time, value_text,
    },
    pages::{
        budgets::{drain_words, per_words},
        dead_letters::groups::parts,
    },
};

pub(super) fn page(overview: &Overview) -> Markup {
    html! {
        (head(html! { "Overview" }, html! {}, html! {}))
        (live("warnings", "lanes workers", warnings(overview)))
        (live("figures", "lanes jobs dead reviews workers", figures(overview)))
        (periods(overview.period))
        (live("pace", "jobs", charts(overview)))
        h2 { "Lanes" }
        (live("lanes", "lanes jobs budgets workers", lanes(overview)))
        div .columns {
            section aria-labelledby="lags" {
                h2 #lags { "Flows" }
                (live("flows", "flows", flows(overview)))
            }
            section aria-labelledby="worst" {
                h2 #worst { "Dead letters by cause" }
                (live("causes", "dead", causes(overview)))
            }
        }
        h2 { "Workers" }
        (live("workers", "workers", workers(overview)))
    }
}

fn warnings(overview: &Overview) -> Markup {
    let nobody: Vec<&LaneRow> = overview.lanes.iter().filter(|lane| lane.unconsumed).collect();
    let held: Vec<&LaneRow> = overview.lanes.iter().filter(|lane| lane.held.is_some()).collect();
    html! {
        @if !nobody.is_empty() {
            div .message.bad {
                p {
                    strong { "Nobody consumes " (lanes_word(nobody.len())) ": " }
                    @for (place, lane) in nobody.iter().take(10).enumerate() { @if place > 0 { ", " } (lane_link(lane)) }
                    @if nobody.len() > 10 { " and " (nobody.len() - 10) " more" }
                    ". "
                    @if overview.workers.is_empty() { "No worker is alive: start `mlc-worker`." }
                    @else { "Workers are alive but take nothing from there: are they of a version that knows these jobs, and are they all busy?" }
                }
            }
        }
        @for lane in held.iter().take(10) {
            @if let Some(stop) = &lane.held {
                div .message.warn {
                    p {
                        strong { (lane_link(lane)) " is held: " } (text(&stop.reason)) " "
                        span .muted { (time(stop.at, overview.at)) }
                    }
                }
            }
        }
        @if held.len() > 10 { p { (held.len() - 10) " more lanes are held." } }
    }
}

fn lanes_word(n: usize) -> String {
    if n == 1 { "this lane".to_owned() } else { format!("these {n} lanes") }
}

fn lane_link(lane: &LaneRow) -> Markup {
    let href = if lane.configured {
        format!("/connections/{}", segment(&lane.lane))
    } else {
        format!("/jobs?lane={}", segment(&lane.lane))
    };
    html! { a href=(href) { (text(&lane.lane)) } }
}

fn figures(overview: &Overview) -> Markup {
    let figures = &overview.figures;
    let link = |href: &str, n: u64| html! { a href=(href) { (number(n)) } };
    let bad = |n: u64| if n > 0 { "bad" } else { "" };
    let warn = |n: u64| if n > 0 { "warn" } else { "" };
    cards(&[
        card("", "Ready", link("/jobs?state=ready", figures.ready), html! { "could start now" }),
        card(
            "",
            "Running",
            link("/jobs?state=running", figures.running),
            html! { "of " (number(figures.places)) " places" },
        ),
        card("", "Delayed", link("/jobs?state=delayed", figures.delayed), html! { "wait for their time" }),
        card(
            "",
            "Done last hour",
            html! { (number(figures.done_last_hour)) },
            html! { (number(figures.failed_last_hour)) " runs failed" },
        ),
        card(
            bad(figures.dead),
            "Dead letters",
            link("/dead-letters", figures.dead),
            html! { (number(figures.dead_last_hour)) " last hour" },
        ),
        card(
            warn(figures.reviews_open),
            "To decide",
            link("/reviews", figures.reviews_open),
            html! { "on the review list" },
        ),
        card(
            if figures.workers == 0 { "bad" } else { "" },
            "Workers alive",
            html! { (number(figures.workers)) },
            html! { "seen in the last 15 s" },
        ),
        card(
            warn(figures.stopped_lanes),
            "Stopped lanes",
            html! { (number(figures.stopped_lanes)) },
            html! { "paused or held" },
        ),
    ])
}

fn periods(now: Period) -> Markup {
    let tab = |period: Period, href: &str, name| Tab { href: href.to_owned(), name, current: now == period };
    tabs(
        "Time of the charts",
        &[
            tab(Period::Hour, "/", "Last hour"),
            tab(Period::Day, "/?period=day", "Last day"),
            tab(Period::Month, "/?period=month", "Last 35 days"),
        ],
    )
}

/// What one line of a chart shows of a span of time.
type Count = fn(&Minute) -> u64;
/// As [`Count`], in milliseconds; `None` where nothing happened.
type Mean = fn(&Minute) -> Option<f64>;

fn charts(overview: &Overview) -> Markup {
    let times = |spans: &[Minute]| spans.iter().map(|span| span.at).collect::<Vec<DateTime<Utc>>>();
    let (at, days) = (times(&overview.pace), times(&overview.days));
    let drawn = |id, title, note, unit, lines: &dyn Fn(&[Minute]) -> Vec<Line<'static>>| {
        let days = (!days.is_empty()).then(|| Days { at: &days, lines: lines(&overview.days) });
        chart(&Chart { id, title, note, unit, at: &at, lines: lines(&overview.pace), days })
    };
    let sum = |of: Count| number(overview.pace.iter().map(of).sum());
    // The present minute has not happened wholly; the newest that has tells more.
    let newest = |of: Mean| format!("mean, newest {}", value_text("ms", overview.pace.iter().rev().find_map(of)));
    let throughput = |spans: &[Minute]| {
        vec![
            counted("Accepted", "accent", spans, |span| span.enqueued),
            counted("Done", "good", spans, |span| span.done),
        ]
    };
    let failures = |spans: &[Minute]| {
        vec![
            counted("Put off", "accent", spans, |span| span.snoozed),
            counted("Failed, tried again", "warn", spans, |span| span.failed),
            counted("Dead letters", "bad", spans, |span| span.dead),
        ]
    };
    let wait = |spans: &[Minute]| vec![timed("Wait", "accent", spans, |span| span.wait_ms)];
    let run = |spans: &[Minute]| vec![timed("Run time", "good", spans, |span| span.run_ms)];
    let accepted = format!("{} accepted, {} done", sum(|span| span.enqueued), sum(|span| span.done));
    let failed = format!("{} failed, {} dead", sum(|span| span.failed), sum(|span| span.dead));
    html! {
        div .charts {
            (drawn("chart-throughput", "Throughput", accepted, "", &throughput))
            (drawn("chart-failures", "Failures", failed, "", &failures))
            (drawn("chart-wait", "Wait", newest(|span| span.wait_ms), "ms", &wait))
            (drawn("chart-run", "Run time", newest(|span| span.run_ms), "ms", &run))
        }
    }
}

fn counted(label: &'static str, tone: &'static str, spans: &[Minute], of: Count) -> Line<'static> {
    #[expect(clippy::cast_precision_loss, reason = "a chart; counts are far below 2^52")]
    let values = spans.iter().map(|span| Some(of(span) as f64)).collect();
    Line { label, tone, values }
}

fn timed(label: &'static str, tone: &'static str, spans: &[Minute], of: Mean) -> Line<'static> {
    Line { label, tone, values: spans.iter().map(of).collect() }
}

fn lanes(overview: &Overview) -> Markup {
    if overview.lanes.is_empty() {
        return empty("No lane was used yet.");
    }
    let rows = html! {
        @for lane in &overview.lanes {
            @let jobs = format!("/jobs?lane={}", segment(&lane.lane));
            tr {
                th scope="row" {
                    (lane_link(lane))
                    @if lane.held.is_some() { " " (badge("bad", "held")) }
                    @if lane.paused.is_some() { " " (badge("warn", "paused")) }
                    @if lane.unconsumed { " " (badge("bad", "nobody consumes")) }
                    @if !lane.configured { " " (badge("plain", "not in the settings")) }
                    @if let Some(stop) = lane.held.as_ref().or(lane.paused.as_ref()) {
                        div .note { (text(&stop.reason)) ", by " (text(&stop.by)) }
                    }
                }
                td .n { a href=(format!("{jobs}&state=ready")) { (number(lane.ready)) } }
                td .n { (number(lane.delayed)) }
                td .n { (number(lane.running)) @if let Some(cap) = lane.cap { span .muted { " / " (cap) } } }
                td .n { @match lane.oldest_secs { Some(secs) => (span(secs)), None => "–" } }
                td .n {
                    @if lane.dead > 0 { a href=(format!("/dead-letters/list?lane={}", segment(&lane.lane))) { (number(lane.dead)) } }
                    @else { "0" }
                }
                td .n {
                    @if let Some(budget) = &lane.tightest {
                        (number(budget.left)) " of " (number(budget.limit)) " "
                        span .muted { (budget.family) " " (per_words(budget)) }
                    } @else { span .muted { "–" } }
                }
                td .tight { @if let Some(drain) = &lane.drain { (drain_words(drain)) } @else { span .muted { "–" } } }
            }
        }
    };
    table(
        "Lanes",
        &["Connection", "#Ready", "#Delayed", "#Running", "#Oldest", "#Dead letters", "#Tightest budget", "Drains"],
        rows,
    )
}

fn flows(overview: &Overview) -> Markup {
    if overview.flows.is_empty() {
        return empty("No flow is configured.");
    }
    let rows = html! {
        @for flow in &overview.flows {
            tr {
                th scope="row" {
                    a href=(format!("/flows/{}", segment(&flow.flow))) { (text(&flow.flow)) }
                    @if !flow.enabled { " " (badge("plain", "on demand")) }
                }
                td .n {
                    @match (flow.lag_secs, flow.announced) {
                        (Some(secs), _) => { (span(secs)) }
                        (None, true) => { span .muted { "by webhook" } }
                        (None, false) => { span .muted { "never read" } }
                    }
                }
                td .n { (number(flow.open_windows)) }
            }
        }
    };
    table("Lag of the flows", &["Flow", "#Behind", "#Open windows"], rows)
}

fn causes(overview: &Overview) -> Markup {
    if overview.causes.is_empty() {
        return empty("No dead letters.");
    }
    let rows = html! {
        @for cause in &overview.causes {
            tr {
                @let [system, fault, operation, code, field] = parts(&cause.cause);
                th scope="row" {
                    (badge("bad", &fault)) " "
                    a href=(format!("/dead-letters/list?cause={}", segment(&cause.hash))) { (text(&system)) " " (text(&operation)) }
                    @for (name, part) in [("code", &code), ("field", &field)] {
                        @if part != "-" { span .note { ", " (name) " " (text(part)) } }
                    }
                    div .note { (text(&cause.example)) }
                }
                td .n { (number(cause.letters)) }
                td .tight { (time(cause.last_at, overview.at)) }
            }
        }
    };
    let more = overview.causes_in_all.saturating_sub(overview.causes.len() as u64);
    html! {
        (table("Largest causes", &["Cause", "#Letters", "Newest"], rows))
        @if more > 0 { p { a href="/dead-letters" { (number(more)) " more causes" } } }
    }
}

fn workers(overview: &Overview) -> Markup {
    if overview.workers.is_empty() {
        return empty("No worker is alive: `mlc-worker` carries out what stands in the lanes.");
    }
    let rows = html! {
        @for worker in &overview.workers {
            tr {
                th scope="row" { (text(&worker.host)) " " span .muted { "process " (worker.process) } }
                td .n { (worker.running) span .muted { " / " (worker.places) } }
                td { (text(&worker.version)) }
                td .tight { (time(worker.started_at, overview.at)) }
                td .tight { (time(worker.seen_at, overview.at)) }
            }
        }
    };
    table("Workers alive", &["Worker", "#Running", "Version", "Started", "Seen"], rows)
}
