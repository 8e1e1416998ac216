//! Tables of figures, with ratios and goals beside them.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

/// What the issue asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    Exactly(f64),
}

/// One line of a table.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    figure: Result<f64, String>,
    unit: &'static str,
    ratio: String,
    goal: Option<Goal>,
}

impl Row {
    /// A figure that was measured.
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), figure: Ok(value), unit, ratio: String::new(), goal: None }
    }

    /// A figure that could not be measured, and why.
    pub(crate) fn not_measured(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), figure: Err(why.to_string()), unit: "", ratio: String::new(), goal: None }
    }

    /// Puts the figure in relation to others.
    pub(crate) fn ratio(mut self, text: impl Into<String>) -> Self {
        self.ratio = text.into();
        self
    }

    /// Puts the goal beside it.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    fn cells(&self) -> [Cell; 6] {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let (goal, wanted) = match self.goal {
            None => (String::new(), None),
            Some(Goal::AtLeast(wanted)) => (format!("≥ {} {}", number(wanted), self.unit), Some(wanted)),
            Some(Goal::AtMost(wanted)) => (format!("≤ {} {}", number(wanted), self.unit), Some(wanted)),
            Some(Goal::Exactly(wanted)) => (format!("{} {}", number(wanted), self.unit), Some(wanted)),
        };
        let measured = match &self.figure {
            Ok(value) => format!("{} {}", number(*value), self.unit),
            Err(why) => format!("not measured: {why}"),
        };
        let of_goal = match (&self.figure, wanted) {
            (Ok(value), Some(wanted)) if wanted != 0.0 => format!("{:.2}", value / wanted),
            _ => String::new(),
        };
        let met = match (&self.figure, self.goal) {
            (Ok(_), None) => "",
            (Err(_), _) => "?",
            (Ok(value), Some(Goal::AtLeast(wanted))) if *value >= wanted => "yes",
            (Ok(value), Some(Goal::AtMost(wanted))) if *value <= wanted => "yes",
            (Ok(value), Some(Goal::Exactly(wanted))) if (*value - wanted).abs() < f64::EPSILON => "yes",
            (Ok(_), Some(_)) => "NO",
        };
        [Cell::new(&self.what), right(measured), Cell::new(&self.ratio), right(goal), right(of_goal), Cell::new(met)]
    }
}

/// Prints one measurement.
#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
pub(crate) fn print(title: &str, rows: &[Row]) {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["", "measured", "ratio", "goal", "of goal", "met"]);
    if !table.is_tty() {
        // Without a terminal nobody says how wide the table may be.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.cells());
    }
    println!("\n{title}\n{table}");
}

/// The middle one; the figures of a shared machine scatter.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Three significant digits at least, thousands separated.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    match value.abs() {
        size if size >= 100.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place) % 3 == 0 {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        size if size >= 1.0 => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let written: Vec<String> = [0.0, 0.0312, 1.5, 99.12, 100.0, 1_234_567.8].into_iter().map(number).collect();
        assert_eq!(written, ["0", "0.0312", "1.5", "99.12", "100", "1,234,568"]);
    }
}
