//! Orders as they are written.

use serde_json::Value;

use super::{Address, Amount, CustomAttribute, sparse_form};

sparse_form! {
    /// A new order, or the columns of a known one that change. The shop works nothing out: state, status and consistent
    /// totals in both currencies are ours to send, and later invoices take their amounts from them.
    pub struct OrderWrite {
        // Old shops read the address' e-mail before this one when it comes later. Keep it first.
        /// E-mail of who buys.
        customer_email: String,
        /// Id of a known order; `None` for a new one.
        entity_id: i64,
        /// Our number. Repeated with every change: old shops renumber otherwise.
        increment_id: String,
        /// Second number, at most 32 characters.
        ext_order_id: String,
        /// Number of the customer or vendor in another system, at most 32 characters.
        ext_customer_id: String,
        /// The store. Always the same, or doubles are not noticed.
        store_id: i64,
        /// Such as `new`.
        state: String,
        /// Such as `pending`.
        status: String,
        /// UTC, `2026-04-23 09:14:02`.
        created_at: String,
        /// First name.
        customer_firstname: String,
        /// Last name.
        customer_lastname: String,
        /// 1 for no account.
        customer_is_guest: i64,
        /// 0 for guests.
        customer_group_id: i64,
        /// Must exist: an unknown one is a 500.
        customer_id: i64,
        /// 1 when nothing is shipped: no shipping address is needed.
        is_virtual: i64,
        /// Currency of the `base_` amounts.
        base_currency_code: String,
        /// Currency of the other amounts.
        order_currency_code: String,
        /// The shop's reporting currency.
        global_currency_code: String,
        /// The store's currency.
        store_currency_code: String,
        /// Global per base currency.
        base_to_global_rate: Amount,
        /// Order per base currency.
        base_to_order_rate: Amount,
        /// Base per store currency.
        store_to_base_rate: Amount,
        /// Order per store currency.
        store_to_order_rate: Amount,
        /// Sum of the lines.
        subtotal: Amount,
        /// The same in base currency.
        base_subtotal: Amount,
        /// Sum of the lines with tax.
        subtotal_incl_tax: Amount,
        /// The same in base currency.
        base_subtotal_incl_tax: Amount,
        /// Tax.
        tax_amount: Amount,
        /// The same in base currency.
        base_tax_amount: Amount,
        /// Shipping and other charges.
        shipping_amount: Amount,
        /// The same in base currency.
        base_shipping_amount: Amount,
        /// Discount, negative.
        discount_amount: Amount,
        /// The same in base currency.
        base_discount_amount: Amount,
        /// Subtotal + tax + shipping + discount.
        grand_total: Amount,
        /// The same in base currency.
        base_grand_total: Amount,
        /// What is not paid.
        total_due: Amount,
        /// The same in base currency.
        base_total_due: Amount,
        /// Pieces.
        total_qty_ordered: Amount,
        /// Lines. With an id: that line is changed. Without: a line is added.
        items: Vec<OrderLineWrite>,
        /// Billing address; its parts are checked by the shop.
        billing_address: Address,
        /// Only `method` is demanded, and by new orders only.
        payment: Payment,
        /// First comments of a new order.
        status_histories: Vec<StatusComment>,
        /// Only where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
        /// Declared names only; holds `shipping_assignments`, see [`ShippingAssignment`].
        extension_attributes: Value,
    }
}

sparse_form! {
    /// A line of [`OrderWrite`].
    pub struct OrderLineWrite {
        /// Id of a line just read from this very order. A foreign id would move that line here without a word.
        item_id: i64,
        /// Id of the order, with `item_id`.
        order_id: i64,
        /// Product number; need not exist in the shop.
        sku: String,
        /// What people read.
        name: String,
        /// `simple` or `virtual`.
        product_type: String,
        /// 1 when nothing is shipped.
        is_virtual: i64,
        /// The store.
        store_id: i64,
        /// Number of the line in another system, at most 255 characters.
        ext_order_item_id: String,
        /// Text for other systems, at most 65,535 bytes.
        additional_data: String,
        /// Description.
        description: String,
        /// 1 = quantities may have decimals. Without it the shop cuts them to whole numbers when it invoices.
        is_qty_decimal: i64,
        /// Pieces.
        qty_ordered: Amount,
        /// Pieces voided: left out when the rest is invoiced.
        qty_canceled: Amount,
        /// For one piece.
        price: Amount,
        /// The same in base currency.
        base_price: Amount,
        /// Price before anything.
        original_price: Amount,
        /// The same in base currency.
        base_original_price: Amount,
        /// For one piece with tax.
        price_incl_tax: Amount,
        /// The same in base currency.
        base_price_incl_tax: Amount,
        /// Of the whole line. Not sent means 0.
        row_total: Amount,
        /// The same in base currency.
        base_row_total: Amount,
        /// Of the whole line with tax.
        row_total_incl_tax: Amount,
        /// The same in base currency.
        base_row_total_incl_tax: Amount,
        /// Tax of the line.
        tax_amount: Amount,
        /// The same in base currency.
        base_tax_amount: Amount,
        /// Tax rate in percent.
        tax_percent: Amount,
        /// Discount of the line, positive.
        discount_amount: Amount,
        /// The same in base currency.
        base_discount_amount: Amount,
        /// Only where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
    }
}

sparse_form! {
    /// Payment of an order.
    pub struct Payment {
        /// Any name is taken, such as `purchaseorder`.
        method: String,
        /// At most 32 characters.
        po_number: String,
        /// A list; an object would lose its keys.
        additional_information: Vec<Value>,
        /// Amount.
        amount_ordered: Amount,
        /// The same in base currency.
        base_amount_ordered: Amount,
        /// Shipping.
        shipping_amount: Amount,
        /// The same in base currency.
        base_shipping_amount: Amount,
    }
}

sparse_form! {
    /// A comment in an order's history.
    pub struct StatusComment {
        /// Text.
        comment: String,
        /// The order's present status, always: without it old shops blank it and hide the order.
        status: String,
        /// 1 when the customer was told.
        is_customer_notified: i64,
        /// 1 when the customer sees it.
        is_visible_on_front: i64,
        /// Id of the order; 0 in a new order.
        parent_id: i64,
        /// `order`.
        entity_name: String,
        /// UTC; only read.
        created_at: String,
    }
}

impl StatusComment {
    /// A comment that only the shop's people see.
    pub fn internal(comment: impl Into<String>, status: &str) -> Self {
        Self {
            comment: Some(comment.into()),
            status: Some(status.to_owned()),
            is_customer_notified: Some(0),
            is_visible_on_front: Some(0),
            parent_id: Some(0),
            entity_name: Some("order".to_owned()),
            created_at: None,
        }
    }
}

/// Where an order that is shipped goes.
#[derive(Debug, Clone, PartialEq)]
pub struct ShippingAssignment {
    /// To whom.
    pub address: Address,
    /// How, such as `flatrate_flatrate`.
    pub method: String,
}

impl ShippingAssignment {
    /// The value for [`OrderWrite::extension_attributes`].
    ///
    /// # Errors
    /// Never in practice: an address is always JSON.
    pub fn to_extension_attributes(&self) -> serde_json::Result<Value> {
        let address = serde_json::to_value(&self.address)?;
        Ok(serde_json::json!({
            "shipping_assignments": [{"shipping": {"address": address, "method": self.method}, "items": []}]
        }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn the_email_comes_first_and_only_what_is_set_is_sent() {
        let order = OrderWrite {
            increment_id: Some("A-1".to_owned()),
            customer_email: Some("ap@example.org".to_owned()),
            grand_total: Some(Amount("262.50".parse().unwrap())),
            ..OrderWrite::default()
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(text, r#"{"customer_email":"ap@example.org","increment_id":"A-1","grand_total":262.5}"#);
    }
}
