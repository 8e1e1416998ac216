//! Which part of the screen belongs to what. Where there is little room, the lanes and the line of keys stay longest.

use ratatui::layout::{Constraint, Layout, Rect};

/// Rows of a box around nothing.
const BOX: u16 = 2;
/// Rows of the chart with its box.
const CHART: u16 = 7;
/// Columns from which two boxes stand beside each other.
const WIDE: u16 = 100;

/// Where everything is drawn; `None` where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) head: Rect,
    pub(super) lanes: Rect,
    pub(super) chart: Option<Rect>,
    pub(super) workers: Option<Rect>,
    pub(super) budgets: Option<Rect>,
    pub(super) causes: Option<Rect>,
    pub(super) foot: Rect,
}

/// Rows that each list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) lanes: u16,
    pub(super) workers: u16,
    pub(super) budgets: u16,
    pub(super) causes: u16,
}

impl Needs {
    /// A list with its box, its header and at least one row.
    fn boxed(rows: u16) -> u16 {
        rows.max(1).saturating_add(BOX + 1)
    }

    /// Rows of a screen on which all of it fits.
    pub(super) fn height(self, width: u16) -> u16 {
        let (workers, budgets) = (Self::boxed(self.workers), Self::boxed(self.budgets));
        let pair = if width >= WIDE { workers.max(budgets) } else { workers.saturating_add(budgets) };
        [Self::boxed(self.lanes), CHART, pair, Self::boxed(self.causes), 2].into_iter().fold(0, u16::saturating_add)
    }
}

/// Divides the screen.
pub(super) fn divide(area: Rect, needs: Needs) -> Parts {
    let is_wide = area.width >= WIDE;
    // From the last to leave to the first: the lanes take what is left over.
    let mut free = area.height.saturating_sub(2 + Needs::boxed(needs.lanes).min(6));
    let mut claim = |wanted: u16, least: u16| {
        let given = if free >= least { wanted.min(free) } else { 0 };
        free -= given;
        given
    };
    let causes = claim(Needs::boxed(needs.causes).min(8), 4);
    let chart = claim(CHART, CHART);
    let (workers, budgets) = (Needs::boxed(needs.workers), Needs::boxed(needs.budgets));
    let (pair, second) = if is_wide {
        (claim(workers.max(budgets).min(10), 4), 0)
    } else {
        (claim(workers.min(8), 4), claim(budgets.min(8), 4))
    };
    let spare = free;
    let lanes = area.height.saturating_sub(2 + causes + chart + pair + second);
    // A list needs no more room than it has rows, except that somebody has to take the rest: the boxes below grow first.
    let extra = lanes.saturating_sub(Needs::boxed(needs.lanes)).min(spare);
    let grown = (Needs::boxed(needs.causes) - causes.min(Needs::boxed(needs.causes))).min(extra);
    let (causes, lanes) = if causes == 0 { (0, lanes) } else { (causes + grown, lanes - grown) };
    let rows = [1, lanes, chart, pair, second, causes, 1].map(Constraint::Length);
    let [head, lanes, chart, pair, second, causes, foot] = Layout::vertical(rows).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)]).areas(pair);
    let shown = |part: Rect| (part.height > 0).then_some(part);
    let (workers, budgets) = if is_wide { (left, right) } else { (pair, second) };
    Parts {
        head,
        lanes,
        chart: shown(chart),
        workers: shown(workers),
        budgets: shown(budgets),
        causes: shown(causes),
        foot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_of_any_size_is_divided_without_overlap_and_keeps_the_lanes() {
        for width in [1, 40, 99, 100, 300] {
            for height in 0..120 {
                for rows in [0, 1, 5, 100, u16::MAX] {
                    let needs = Needs { lanes: rows, workers: rows, budgets: rows, causes: rows };
                    let area = Rect::new(0, 0, width, height);
                    let parts = divide(area, needs);
                    let boxes = [
                        Some(parts.head),
                        Some(parts.lanes),
                        parts.chart,
                        parts.workers,
                        parts.budgets,
                        parts.causes,
                        Some(parts.foot),
                    ];
                    let shown: Vec<Rect> = boxes.into_iter().flatten().collect();
                    for (place, one) in shown.iter().enumerate() {
                        assert!(area.intersection(*one) == *one || one.is_empty(), "{width}x{height}: {parts:?}");
                        assert!(
                            shown[place + 1..].iter().all(|other| !one.intersects(*other)),
                            "{width}x{height}: {parts:?}"
                        );
                    }
                    assert!(height < 8 || parts.lanes.height >= 4, "{width}x{height}: {parts:?}");
                    assert!(height < 40 || parts.causes.is_some() && parts.budgets.is_some(), "{width}x{height}");
                }
            }
        }
    }
}
