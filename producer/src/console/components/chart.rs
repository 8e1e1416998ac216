//! Charts: numbers over time for the script to draw, and the same numbers as a table for everybody else.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use serde_json::json;

use super::table;

/// One line of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    /// What it shows.
    pub(crate) label: &'a str,
    /// Its colour: `accent`, `good`, `warn` or `bad`.
    pub(crate) tone: &'a str,
    /// One value for each time; `None` where there is none.
    pub(crate) values: Vec<Option<f64>>,
}

/// Numbers over time.
#[derive(Debug, Clone)]
pub(crate) struct Chart<'a> {
    /// Its id on the page.
    pub(crate) id: &'a str,
    /// Its title.
    pub(crate) title: &'a str,
    /// One short sentence that says it in words, such as the newest value.
    pub(crate) note: String,
    /// `ms` for spans of time; else plain numbers.
    pub(crate) unit: &'a str,
    /// The times, oldest first.
    pub(crate) at: &'a [DateTime<Utc>],
    /// Its lines.
    pub(crate) lines: Vec<Line<'a>>,
    /// What its table tells where the points are too many to be read; `None` = the points themselves.
    pub(crate) days: Option<Days<'a>>,
}

/// The numbers of a chart by day.
#[derive(Debug, Clone)]
pub(crate) struct Days<'a> {
    /// The days, UTC, oldest first.
    pub(crate) at: &'a [DateTime<Utc>],
    /// Its lines, as those of the chart.
    pub(crate) lines: Vec<Line<'a>>,
}

/// A chart with its table.
pub(crate) fn chart(chart: &Chart<'_>) -> Markup {
    let filled = chart.lines.len() == 1;
    let line =
        |line: &Line<'_>| json!({ "label": line.label, "tone": line.tone, "values": line.values, "filled": filled });
    let series: Vec<_> = chart.lines.iter().map(line).collect();
    let x: Vec<i64> = chart.at.iter().map(DateTime::timestamp).collect();
    let data = json!({ "x": x, "unit": chart.unit, "series": series });
    let numbers: Vec<String> = chart.lines.iter().map(|line| format!("#{}", line.label)).collect();
    let (at, lines, when) = match &chart.days {
        Some(days) => (days.at, &days.lines, "Day, UTC"),
        None => (chart.at, &chart.lines, "Time"),
    };
    let columns: Vec<&str> = std::iter::once(when).chain(numbers.iter().map(String::as_str)).collect();
    let rows = html! {
        @for (place, at) in at.iter().enumerate().rev() {
            tr {
                th scope="row" {
                    @if chart.days.is_some() { time { (at.format("%Y-%m-%d")) } }
                    @else {
                        time datetime=(at.to_rfc3339_opts(SecondsFormat::Secs, true)) { (at.format("%m-%d %H:%M UTC")) }
                    }
                }
                @for line in lines { td .n { (value_text(chart.unit, line.values.get(place).copied().flatten())) } }
            }
        }
    };
    let named = if chart.days.is_some() { format!("{} by day", chart.title) } else { chart.title.to_owned() };
    html! {
        figure .chart {
            figcaption { span { (chart.title) } " " span .note { (chart.note) } }
            div id=(chart.id) data-chart=(data) aria-hidden="true" {}
            @if chart.lines.len() > 1 {
                ul .key aria-hidden="true" { @for line in &chart.lines { li class=(line.tone) { (line.label) } } }
            }
            details {
                summary { (named) " as a table" }
                (table(&named, &columns, rows))
            }
        }
    }
}

/// A number as charts and their tables write it; `ms` is a span in milliseconds.
pub(crate) fn value_text(unit: &str, value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(ms) if unit == "ms" && ms >= 60_000.0 => format!("{:.1} min", ms / 60_000.0),
        Some(ms) if unit == "ms" && ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        Some(ms) if unit == "ms" => format!("{ms:.0} ms"),
        Some(n) if n.fract().abs() < 0.05 => format!("{n:.0}"),
        Some(n) => format!("{n:.1}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_chart_holds_its_numbers_twice_and_a_gap_is_no_zero() {
        let at: Vec<DateTime<Utc>> =
            ["2026-11-22T12:00:00Z", "2026-11-22T12:01:00Z"].iter().map(|text| text.parse().unwrap()).collect();
        let lines = vec![Line { label: "Wait", tone: "accent", values: vec![Some(1_500.0), None] }];
        let shown =
            chart(&Chart { id: "c", title: "Wait", note: String::new(), unit: "ms", at: &at, lines, days: None })
                .into_string();
        assert!(shown.contains("1.5 s") && shown.contains("–") && shown.contains("[1500.0,null]"), "{shown}");
        assert!(!shown.contains("style=") && !shown.contains("<script"), "{shown}");
    }

    #[test]
    fn a_table_by_day_stands_beside_points_that_are_too_many() {
        let at: Vec<DateTime<Utc>> = (0..840).filter_map(|hour| DateTime::from_timestamp(hour * 3_600, 0)).collect();
        let line = |values| vec![Line { label: "Done", tone: "good", values }];
        let days = Days { at: &at[..1], lines: line(vec![Some(24.0)]) };
        let lines = line(vec![Some(1.0); 840]);
        let told = Chart { id: "c", title: "Done", note: String::new(), unit: "", at: &at, lines, days: Some(days) };
        let shown = chart(&told).into_string();
        assert_eq!(shown.matches("<th scope=\"row\"").count(), 1, "{shown}");
        assert!(shown.contains("<time>1970-01-01</time>") && shown.contains("Done by day as a table"), "{shown}");
        assert_eq!(shown.matches("1.0").count(), 840, "the chart keeps its points: {shown}");
    }
}
