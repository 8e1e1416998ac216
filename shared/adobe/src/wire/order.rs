//! Orders as they are read.

use serde_json::Value;

use super::{Address, Amount, CustomAttribute, Payment, StatusComment, sparse_form};

sparse_form! {
    /// An order.
    pub struct Order {
        /// Id of all later calls.
        entity_id: i64,
        /// Its number. Unique per store.
        increment_id: String,
        /// Second number, cut at 32 characters.
        ext_order_id: String,
        /// Number of the customer in another system.
        ext_customer_id: String,
        /// The store it belongs to.
        store_id: i64,
        /// Such as `new`, `processing`, `complete`, `canceled`.
        state: String,
        /// Such as `pending`; belongs to the state.
        status: String,
        /// UTC, `2026-04-23 09:14:02`.
        created_at: String,
        /// UTC; an invoice or a shipment moves it, a comment does not.
        updated_at: String,
        /// Personal data.
        customer_email: String,
        /// Personal data.
        customer_firstname: String,
        /// Personal data.
        customer_lastname: String,
        /// The customer's id; none for guests.
        customer_id: i64,
        /// 1 when nothing is shipped.
        is_virtual: i64,
        /// Currency of the `base_` amounts.
        base_currency_code: String,
        /// Currency of the other amounts.
        order_currency_code: String,
        /// Order currency per base currency.
        base_to_order_rate: Amount,
        /// Sum of the lines.
        subtotal: Amount,
        /// The same in base currency.
        base_subtotal: Amount,
        /// Tax.
        tax_amount: Amount,
        /// The same in base currency.
        base_tax_amount: Amount,
        /// Shipping.
        shipping_amount: Amount,
        /// The same in base currency.
        base_shipping_amount: Amount,
        /// Discount, negative.
        discount_amount: Amount,
        /// The same in base currency.
        base_discount_amount: Amount,
        /// What the customer pays.
        grand_total: Amount,
        /// The same in base currency.
        base_grand_total: Amount,
        /// Part of `subtotal` that is invoiced.
        subtotal_invoiced: Amount,
        /// The same in base currency.
        base_subtotal_invoiced: Amount,
        /// Part of `tax_amount` that is invoiced.
        tax_invoiced: Amount,
        /// The same in base currency.
        base_tax_invoiced: Amount,
        /// Part of `shipping_amount` that is invoiced.
        shipping_invoiced: Amount,
        /// The same in base currency.
        base_shipping_invoiced: Amount,
        /// What is not paid. Rounded to two places by the shop.
        total_due: Amount,
        /// What is paid.
        total_paid: Amount,
        /// What is invoiced.
        total_invoiced: Amount,
        /// The same in base currency.
        base_total_invoiced: Amount,
        /// Pieces.
        total_qty_ordered: Amount,
        /// Lines.
        items: Vec<OrderLine>,
        /// Billing address.
        billing_address: Address,
        /// Payment.
        payment: Payment,
        /// Comments; the list answer may lack them.
        status_histories: Vec<StatusComment>,
        /// Where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
        /// As it came; an empty one is `[]`.
        extension_attributes: Value,
    }
}

impl Order {
    /// The shipping address, where the order has one.
    pub fn shipping_address(&self) -> Option<Address> {
        let shipping = self.extension_attributes.as_ref()?.get("shipping_assignments")?.get(0)?.get("shipping")?;
        serde_json::from_value::<Shipping>(shipping.clone()).ok()?.address
    }

    /// The line with this number of another system.
    pub fn line(&self, ext_order_item_id: &str) -> Option<&OrderLine> {
        self.items.iter().flatten().find(|line| line.ext_order_item_id.as_deref() == Some(ext_order_item_id))
    }

    /// Whether a line of this order has this id.
    pub fn has_line(&self, item_id: i64) -> bool {
        self.items.iter().flatten().any(|line| line.item_id == Some(item_id))
    }
}

sparse_form! {
    /// Where an order goes.
    pub struct Shipping {
        /// To whom.
        address: Address,
        /// How.
        method: String,
    }
}

sparse_form! {
    /// A line of an order.
    pub struct OrderLine {
        /// Its id.
        item_id: i64,
        /// Order it belongs to.
        order_id: i64,
        /// Line it is a part of: the visible half of a configurable product.
        parent_item_id: i64,
        /// Product number.
        sku: String,
        /// What people read.
        name: String,
        /// `simple`, `virtual` and so on.
        product_type: String,
        /// Number of the line in another system.
        ext_order_item_id: String,
        /// Text for other systems; ours is JSON.
        additional_data: String,
        /// Pieces ordered.
        qty_ordered: Amount,
        /// Pieces invoiced.
        qty_invoiced: Amount,
        /// Pieces canceled.
        qty_canceled: Amount,
        /// Pieces shipped.
        qty_shipped: Amount,
        /// Pieces refunded.
        qty_refunded: Amount,
        /// 1 = quantities may have decimals.
        is_qty_decimal: i64,
        /// For one piece.
        price: Amount,
        /// The same in base currency.
        base_price: Amount,
        /// Of the whole line. Servers of 2.4.8 show the price of one piece here: compute instead of trusting it.
        row_total: Amount,
        /// The same in base currency.
        base_row_total: Amount,
        /// Part of `row_total` that is invoiced.
        row_invoiced: Amount,
        /// The same in base currency.
        base_row_invoiced: Amount,
        /// Tax of the line.
        tax_amount: Amount,
        /// The same in base currency.
        base_tax_amount: Amount,
        /// Part of `tax_amount` that is invoiced.
        tax_invoiced: Amount,
        /// The same in base currency.
        base_tax_invoiced: Amount,
        /// Discount of the line, positive.
        discount_amount: Amount,
        /// Where the shop has them.
        custom_attributes: Vec<CustomAttribute>,
        /// As it came.
        extension_attributes: Value,
    }
}

impl OrderLine {
    /// Pieces that can still be invoiced.
    pub fn open_quantity(&self) -> rust_decimal::Decimal {
        let of = |amount: Option<Amount>| amount.unwrap_or_default().0;
        of(self.qty_ordered) - of(self.qty_invoiced) - of(self.qty_canceled)
    }

    /// A custom attribute's text.
    pub fn attribute(&self, code: &str) -> Option<&str> {
        let found = self.custom_attributes.iter().flatten().find(|attribute| attribute.attribute_code == code)?;
        found.value.as_str()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    const ORDER: &str = r#"{"entity_id":5121,"increment_id":"EPIC06-PO-4500123","store_id":1,"grand_total":262.5,"customer_email":null,
        "total_due":52.5,"unknown":{"a":1},"payment":{"method":"purchaseorder","po_number":"4500123","additional_information":["x",null]},
        "items":[{"item_id":9301,"qty_ordered":20,"qty_invoiced":5,"qty_canceled":1,"ext_order_item_id":"4500123/1/1",
                  "custom_attributes":[{"attribute_code":"gl","value":"5000"}]}],
        "extension_attributes":{"shipping_assignments":[{"shipping":{"address":{"city":"Duluth","street":["14 Foundry Road"]},"total":[]},"items":[]}]}}"#;

    #[test]
    fn an_order_is_read_with_what_matters() {
        let order: Order = serde_json::from_str(ORDER).unwrap();
        assert_eq!(order.grand_total.unwrap().to_string(), "262.5");
        let line = order.line("4500123/1/1").unwrap();
        assert_eq!(line.open_quantity(), 14.into());
        assert_eq!(line.attribute("gl"), Some("5000"));
        assert_eq!(order.shipping_address().unwrap().city.as_deref(), Some("Duluth"));
        assert!(order.has_line(9301) && !order.has_line(1));
    }

    #[test]
    fn an_order_without_anything_is_read_too() {
        let order: Order = serde_json::from_str(r#"{"entity_id":1,"extension_attributes":[]}"#).unwrap();
        assert!(order.shipping_address().is_none() && order.items.is_none());
    }
}
