//! Orders.

use mlc_model::Fault;
use mlc_outbound::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    AdobeClient, Condition, Order, OrderLine, OrderWrite, Page, Search, StatusComment,
    client::{defect, fits, found},
    columns, fault,
};

/// The shop's wrapper. Not by `json!`, which would send amounts through floats.
#[derive(Serialize)]
struct Entity<'a> {
    entity: &'a OrderWrite,
}

impl AdobeClient {
    /// Makes an order under our number in the connection's store. Nothing is worked out by the shop.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::DUPLICATE`] when the number exists: fetch it and compare. `Rejected` with
    /// [`fault::code::KEY_TOO_LONG`] before anything is sent. `Uncertain` when nobody knows: look it up.
    pub async fn create_order(&self, order: &OrderWrite) -> Result<Order, Fault> {
        const OPERATION: &str = "orders.create";
        if order.entity_id.is_some() {
            return Err(defect(OPERATION, "a new order has no entity_id"));
        }
        if order.increment_id.as_deref().unwrap_or_default().is_empty() {
            return Err(defect(OPERATION, "an order without increment_id would be made twice"));
        }
        if order.store_id != Some(self.config().store_id) {
            return Err(defect(OPERATION, "an order must name the connection's store, or doubles are not noticed"));
        }
        if order.payment.as_ref().is_none_or(|payment| payment.method.is_none()) {
            return Err(defect(OPERATION, "an order needs payment.method"));
        }
        if order.items.iter().flatten().any(|line| line.item_id.is_some()) {
            return Err(defect(OPERATION, "a line with an item_id would be taken from another order"));
        }
        self.save_order(order, OPERATION).await
    }

    /// Changes columns of an order that was just read. Lines with an `item_id` are changed in place, lines without are
    /// added; what is not sent stays. `entity_id`, `increment_id` and `store_id` are taken from `read`.
    ///
    /// # Errors
    /// `Defect`, before anything is sent, for a line that `read` does not have: the shop would move it here from its
    /// order without a word.
    pub async fn update_order(&self, read: &Order, change: &OrderWrite) -> Result<Order, Fault> {
        const OPERATION: &str = "orders.update";
        let Some(entity_id) = read.entity_id else { return Err(defect(OPERATION, "the order has no entity_id")) };
        let mut order = change.clone();
        order.entity_id = Some(entity_id);
        order.increment_id = read.increment_id.clone();
        order.store_id = read.store_id;
        for line in order.items.iter_mut().flatten() {
            match line.item_id {
                Some(item_id) if !read.has_line(item_id) => {
                    return Err(defect(OPERATION, "a line of another order would be moved into this one"));
                }
                Some(_) => line.order_id = Some(entity_id),
                None => {}
            }
        }
        self.save_order(&order, OPERATION).await
    }

    async fn save_order(&self, order: &OrderWrite, operation: &'static str) -> Result<Order, Fault> {
        check_keys(order, operation)?;
        let answer = self.write(Method::POST, "/orders", operation, &Entity { entity: order }).await?;
        let saved: Order = answer.json()?;
        match saved.entity_id {
            Some(_) => Ok(saved),
            None => Err(fault::wrong_shape(&answer, operation, "the shop's answer holds no order")),
        }
    }

    /// One order by its id.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::NOT_FOUND`] when there is none.
    pub async fn order(&self, entity_id: i64) -> Result<Order, Fault> {
        self.get(&format!("/orders/{entity_id}"), "orders.read").await
    }

    /// The order of this number in the connection's store. Reads the tables: what was just written is there.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn find_order(&self, increment_id: &str) -> Result<Option<Order>, Fault> {
        let search = Search::by("entity_id")
            .and("increment_id", Condition::Eq, increment_id)
            .and("store_id", Condition::Eq, self.config().store_id.to_string())
            .page_size(10);
        let page: Page<Order> = self.page("/orders", "orders.find", &search).await?;
        // The database compares without regard to case, accents and trailing blanks; a double means the same.
        Ok(page.items.into_iter().find(|order| {
            order
                .increment_id
                .as_deref()
                .is_some_and(|found| found.trim_end().eq_ignore_ascii_case(increment_id.trim_end()))
        }))
    }

    /// One page of orders.
    ///
    /// # Errors
    /// Any fault of a call. An unknown column is a 500.
    pub async fn search_orders(&self, search: &Search) -> Result<Page<Order>, Fault> {
        self.page("/orders", "orders.search", search).await
    }

    /// One page of order lines of all orders.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn search_order_lines(&self, search: &Search) -> Result<Page<OrderLine>, Fault> {
        self.page("/orders/items", "order_lines.search", search).await
    }

    /// Adds a comment to an order's history. Repeat the order's present status in it.
    ///
    /// # Errors
    /// `Rejected` when the status does not fit the order's state. Not safe to repeat: read the comments first.
    pub async fn comment_order(&self, entity_id: i64, comment: &StatusComment) -> Result<(), Fault> {
        const OPERATION: &str = "orders.comment";
        if comment.status.is_none() {
            return Err(defect(OPERATION, "a comment without the present status would hide the order"));
        }
        let mut comment = comment.clone();
        comment.parent_id = Some(entity_id);
        let path = format!("/orders/{entity_id}/comments");
        self.write(Method::POST, &path, OPERATION, &json!({ "statusHistory": comment })).await?;
        Ok(())
    }

    /// All comments of an order.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn order_comments(&self, entity_id: i64) -> Result<Vec<StatusComment>, Fault> {
        let page: Page<StatusComment> = self.get(&format!("/orders/{entity_id}/comments"), "orders.comments").await?;
        Ok(page.items)
    }

    /// Cancels an order. `false`: nothing was left to cancel, such as the second time.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn cancel_order(&self, entity_id: i64) -> Result<bool, Fault> {
        self.act(entity_id, "cancel", "orders.cancel").await
    }

    /// Puts an order on hold.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::ORDER_STATE`] when it is on hold already.
    pub async fn hold_order(&self, entity_id: i64) -> Result<bool, Fault> {
        self.act(entity_id, "hold", "orders.hold").await
    }

    /// Takes an order off hold.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::ORDER_STATE`] when it is not on hold.
    pub async fn unhold_order(&self, entity_id: i64) -> Result<bool, Fault> {
        self.act(entity_id, "unhold", "orders.unhold").await
    }

    async fn act(&self, entity_id: i64, action: &str, operation: &'static str) -> Result<bool, Fault> {
        let done: Value =
            self.put_body(Method::POST, &format!("/orders/{entity_id}/{action}"), operation, &json!({})).await?;
        Ok(done != Value::Bool(false))
    }

    /// Closes an order that was just read: state and status `closed`, nothing else changes.
    ///
    /// # Errors
    /// As [`AdobeClient::update_order`].
    pub async fn close_order(&self, read: &Order) -> Result<Order, Fault> {
        let closed = || Some("closed".to_owned());
        self.update_order(read, &OrderWrite { state: closed(), status: closed(), ..OrderWrite::default() }).await
    }

    /// An order that may have gone in the meantime.
    ///
    /// # Errors
    /// Any fault of a call but "not found".
    pub async fn order_if_there(&self, entity_id: i64) -> Result<Option<Order>, Fault> {
        found(self.order(entity_id).await)
    }
}

/// Keys are never cut: the shop would do so without a word.
fn check_keys(order: &OrderWrite, operation: &str) -> Result<(), Fault> {
    fits(operation, "increment_id", order.increment_id.as_deref(), columns::INCREMENT_ID)?;
    fits(operation, "ext_order_id", order.ext_order_id.as_deref(), columns::EXT_ORDER_ID)?;
    fits(operation, "ext_customer_id", order.ext_customer_id.as_deref(), columns::EXT_CUSTOMER_ID)?;
    let po_number = order.payment.as_ref().and_then(|payment| payment.po_number.as_deref());
    fits(operation, "po_number", po_number, columns::PO_NUMBER)?;
    for line in order.items.iter().flatten() {
        fits(operation, "ext_order_item_id", line.ext_order_item_id.as_deref(), columns::EXT_ORDER_ITEM_ID)?;
        if line.additional_data.as_ref().is_some_and(|data| data.len() > columns::ADDITIONAL_DATA_BYTES) {
            return Err(fault::key_too_long(operation, "additional_data", columns::ADDITIONAL_DATA_BYTES));
        }
    }
    Ok(())
}
