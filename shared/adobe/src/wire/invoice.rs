//! Invoices.

use serde::Serialize;

use super::{Amount, CustomAttribute, sparse_form};

sparse_form! {
    /// An invoice as it is read.
    pub struct Invoice {
        /// Its id.
        entity_id: i64,
        /// Its number, given by the shop.
        increment_id: String,
        /// The order.
        order_id: i64,
        /// The store.
        store_id: i64,
        /// 1 open, 2 paid, 3 canceled.
        state: i64,
        /// Number in another system; can be searched.
        transaction_id: String,
        /// Sum of the lines.
        subtotal: Amount,
        /// Tax.
        tax_amount: Amount,
        /// Shipping.
        shipping_amount: Amount,
        /// What is to be paid.
        grand_total: Amount,
        /// The same in base currency.
        base_grand_total: Amount,
        /// Currency of the amounts without `base_`.
        order_currency_code: String,
        /// Pieces.
        total_qty: Amount,
        /// UTC.
        created_at: String,
        /// UTC.
        updated_at: String,
        /// Lines.
        items: Vec<InvoiceItem>,
        /// Comments; old shops leave them out of lists.
        comments: Vec<InvoiceComment>,
        /// Where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
    }
}

impl Invoice {
    /// State of a canceled invoice.
    pub const CANCELED: i64 = 3;

    /// Whether it is the one of this number: by its transaction number, or by our marker in a comment.
    pub fn is_marked(&self, transaction_id: &str, marker: &str) -> bool {
        self.transaction_id.as_deref() == Some(transaction_id)
            || self.comments.iter().flatten().any(|comment| comment.comment.as_deref() == Some(marker))
    }
}

sparse_form! {
    /// A line of an invoice.
    pub struct InvoiceItem {
        /// Its id.
        entity_id: i64,
        /// The line of the order.
        order_item_id: i64,
        /// Product number.
        sku: String,
        /// What people read.
        name: String,
        /// Pieces.
        qty: Amount,
        /// For one piece.
        price: Amount,
        /// Of the whole line.
        row_total: Amount,
        /// The same in base currency.
        base_row_total: Amount,
        /// Tax of the line.
        tax_amount: Amount,
        /// Where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
    }
}

sparse_form! {
    /// A comment of an invoice.
    pub struct InvoiceComment {
        /// Its id.
        entity_id: i64,
        /// Text.
        comment: String,
        /// 1 when the customer sees it.
        is_visible_on_front: i64,
        /// UTC.
        created_at: String,
    }
}

/// An invoice to be made from an order.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct InvoiceAsk {
    /// Lines; none means everything that is open. Unknown ids are ignored by the shop without a word, so the result is
    /// to be compared.
    pub items: Vec<InvoiceItemAsk>,
    /// Stored with the invoice: our marker.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_comment")]
    pub comment: Option<String>,
    /// Whether the payment method is told to take the money. Without meaning for offline methods.
    pub capture: bool,
    /// Whether the customer gets a mail.
    pub notify: bool,
}

/// A line of [`InvoiceAsk`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InvoiceItemAsk {
    /// The line of the order.
    pub order_item_id: i64,
    /// Pieces.
    pub qty: Amount,
}

#[derive(Serialize)]
struct Comment<'a> {
    comment: &'a str,
    is_visible_on_front: u8,
}

fn as_comment<S: serde::Serializer>(comment: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let comment = comment.as_deref().unwrap_or_default();
    Comment { comment, is_visible_on_front: 0 }.serialize(serializer)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn an_invoice_is_asked_for_as_the_shop_wants_it() {
        let ask = InvoiceAsk {
            items: vec![InvoiceItemAsk { order_item_id: 9301, qty: Amount("2.50".parse().unwrap()) }],
            comment: Some("Epicor AP invoice INV-88121 (vendor 1042)".to_owned()),
            ..InvoiceAsk::default()
        };
        assert_eq!(
            serde_json::to_string(&ask).unwrap(),
            r#"{"items":[{"order_item_id":9301,"qty":2.5}],"comment":{"comment":"Epicor AP invoice INV-88121 (vendor 1042)","is_visible_on_front":0},"capture":false,"notify":false}"#
        );
    }

    #[test]
    fn an_invoice_is_recognised_by_its_number_or_its_marker() {
        let text = r#"{"entity_id":731,"transaction_id":null,"comments":[{"comment":"marker"}]}"#;
        let invoice: Invoice = serde_json::from_str(text).unwrap();
        assert!(invoice.is_marked("INV-1", "marker") && !invoice.is_marked("INV-1", "other"));
    }
}
