//! Comments, hold, cancel, ship, and the state that follows from quantities.

use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, refusal},
    columns::{self, add, amount},
    schema::{Row, number},
    shop::Shop,
    store::{Order, Tables},
};

/// Statuses that belong to a state.
fn statuses(state: &str) -> &'static [&'static str] {
    match state {
        "new" => &["pending"],
        "processing" => &["processing"],
        "complete" => &["complete"],
        "closed" => &["closed"],
        "canceled" => &["canceled"],
        "holded" => &["holded"],
        "pending_payment" => &["pending_payment"],
        "payment_review" => &["payment_review", "fraud"],
        _ => &[],
    }
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn to_ship(line: &Row) -> f64 {
    if amount(line, "is_virtual") != 0.0 || text(line, "product_type") == "virtual" {
        return 0.0;
    }
    (amount(line, "qty_ordered") - amount(line, "qty_shipped") - amount(line, "qty_canceled")).max(0.0)
}

impl Shop {
    /// `processing` once something is invoiced, `complete` once nothing is left to invoice and to ship.
    pub(super) fn settle_state(&mut self, id: u64) {
        let Some(order) = self.tables.orders.get(&id) else { return };
        let state = text(&order.row, "state");
        if matches!(state, "canceled" | "holded" | "closed" | "complete") {
            return;
        }
        let lines = self.tables.lines(order);
        let begun = lines.iter().any(|line| amount(line, "qty_invoiced") > 0.0 || amount(line, "qty_shipped") > 0.0);
        if !begun {
            return;
        }
        let all_virtual = amount(&order.row, "is_virtual") != 0.0;
        let open = lines.iter().any(|line| Tables::open(line) > 0.0);
        let unshipped = !all_virtual && lines.iter().any(|line| to_ship(line) > 0.0);
        let state = if open || unshipped { "processing" } else { "complete" };
        self.set_state(id, state, state);
    }

    fn set_state(&mut self, id: u64, state: &str, status: &str) {
        if let Some(order) = self.tables.orders.get_mut(&id) {
            order.row.insert("state".to_owned(), state.into());
            order.row.insert("status".to_owned(), status.into());
        }
    }

    pub(super) fn comment_order(&mut self, id: u64, body: &Row) -> Handled {
        let Some(sent) = body.get("statusHistory").or_else(|| body.get("status_history")) else {
            return Answer::missing("statusHistory").refuse();
        };
        let mut history = self.strictness().object("order-status-history", sent)?;
        let order = self.order(id)?;
        let (state, current) = (text(&order.row, "state").to_owned(), text(&order.row, "status").to_owned());
        match history.get("status").and_then(Value::as_str) {
            Some(status) if status != current && !statuses(&state).contains(&status) => {
                let template = "Unable to add comment: The status \"%1\" is not part of the order\n                 status history.";
                return refusal(400, template).with(json!([status])).refuse();
            }
            Some(status) => {
                let status = status.to_owned();
                self.set_state(id, &state, &status);
            }
            None => {
                history.insert("status".to_owned(), current.into());
            }
        }
        let history = self.new_history(id, history);
        let mut history = columns::store("order-status-history", &history);
        history.insert("created_at".to_owned(), self.now_text().into());
        if let Some(order) = self.tables.orders.get_mut(&id) {
            order.histories.push(history);
        }
        Ok(Answer::ok(json!(true)))
    }

    pub(super) fn order_comments(&self, id: u64) -> Handled {
        let order = self.order(id)?;
        let items: Vec<Value> = order.histories.iter().cloned().map(Value::Object).collect();
        let count = items.len();
        Ok(Answer::ok(json!({ "items": items, "search_criteria": { "filter_groups": [{ "filters": [
            { "field": "parent_id", "value": id.to_string(), "condition_type": "eq" }] }] }, "total_count": count })))
    }

    pub(super) fn order_status(&self, id: u64) -> Handled {
        Ok(Answer::ok(self.order(id)?.row.get("status").cloned().unwrap_or_default()))
    }

    pub(super) fn hold(&mut self, id: u64) -> Handled {
        let order = self.order(id)?;
        let state = text(&order.row, "state").to_owned();
        if matches!(state.as_str(), "canceled" | "payment_review" | "complete" | "closed" | "holded") {
            return refusal(400, "A hold action is not available.").refuse();
        }
        let before = json!({ "state": state, "status": text(&order.row, "status") });
        if let Some(order) = self.tables.orders.get_mut(&id) {
            order.row.insert("hold_before_state".to_owned(), before["state"].clone());
            order.row.insert("hold_before_status".to_owned(), before["status"].clone());
        }
        self.set_state(id, "holded", "holded");
        self.touch(id);
        Ok(Answer::ok(json!(true)))
    }

    pub(super) fn unhold(&mut self, id: u64) -> Handled {
        let order = self.order(id)?;
        if text(&order.row, "state") != "holded" {
            return refusal(400, "You cannot remove the hold.").refuse();
        }
        let (state, status) =
            (text(&order.row, "hold_before_state").to_owned(), text(&order.row, "hold_before_status").to_owned());
        self.set_state(id, &state, &status);
        if let Some(order) = self.tables.orders.get_mut(&id) {
            order.row.remove("hold_before_state");
            order.row.remove("hold_before_status");
        }
        self.touch(id);
        Ok(Answer::ok(json!(true)))
    }

    /// Cancels what is open; `false` when the order cannot be cancelled any more.
    pub(super) fn cancel(&mut self, id: u64) -> Handled {
        let order = self.order(id)?.clone();
        let ended =
            matches!(text(&order.row, "state"), "canceled" | "complete" | "closed" | "holded" | "payment_review");
        let open: Vec<u64> = self.open_lines(&order);
        if ended || open.is_empty() {
            return Ok(Answer::ok(json!(false)));
        }
        for line in open {
            if let Some(line) = self.tables.items.get_mut(&line) {
                let rest = Tables::open(line);
                add(line, "qty_canceled", rest);
            }
        }
        if let Some(order) = self.tables.orders.get_mut(&id) {
            for prefix in ["", "base_"] {
                let left = amount(&order.row, &format!("{prefix}grand_total"))
                    - amount(&order.row, &format!("{prefix}total_paid"));
                order.row.insert(format!("{prefix}total_canceled"), number(columns::round(left, 4)));
            }
        }
        self.set_state(id, "canceled", "canceled");
        self.touch(id);
        Ok(Answer::ok(json!(true)))
    }

    fn open_lines(&self, order: &Order) -> Vec<u64> {
        let open = |id: &&u64| self.tables.items.get(*id).is_some_and(|line| Tables::open(line) > 0.0);
        order.items.iter().filter(open).copied().collect()
    }

    /// Ships everything; the simulator knows no partial shipments.
    pub(super) fn ship(&mut self, id: u64) -> Handled {
        let order = self.order(id)?.clone();
        let open: Vec<u64> = order
            .items
            .iter()
            .filter(|id| self.tables.items.get(id).is_some_and(|line| to_ship(line) > 0.0))
            .copied()
            .collect();
        let ended = matches!(text(&order.row, "state"), "canceled" | "holded" | "closed" | "payment_review");
        if open.is_empty() || ended {
            let text = "Shipment Document Validation Error(s):\nThe order does not allow a shipment to be created.\nYou can't create a shipment without products.";
            return refusal(400, text).refuse();
        }
        for line in open {
            if let Some(line) = self.tables.items.get_mut(&line) {
                let rest = to_ship(line);
                add(line, "qty_shipped", rest);
            }
        }
        self.settle_state(id);
        self.touch(id);
        self.tables.shipments += 1;
        Ok(Answer::ok(json!(self.tables.shipments.to_string())))
    }
}
