//! A new order of the shop.

use mlc_adobe::wire::{Amount as Wire, CustomAttribute, OrderLineWrite, OrderWrite, Payment, StatusComment};
use mlc_model::Amount;
use rust_decimal::Decimal;

use super::{DECIMALS, DraftLine, LiveOrder, MappingProblem, shares};

/// Status of an order that nobody has invoiced.
const PENDING: &str = "pending";

/// An amount in the order's currency as the shop takes it.
pub(super) fn doc(amount: Amount) -> Option<Wire> {
    Some(Wire(amount.doc))
}

/// The same in the company's own.
pub(super) fn base(amount: Amount) -> Option<Wire> {
    Some(Wire(amount.base))
}

impl LiveOrder {
    /// The whole order as it is made; lines that were voided before are left out. `attributes`: the shop takes custom attributes.
    ///
    /// # Errors
    /// A line whose data do not fit the shop.
    pub fn to_new(&self, attributes: bool) -> Result<OrderWrite, MappingProblem> {
        let lines = self.lines.iter().filter(|line| !line.void);
        let items = lines.map(|line| self.new_line(line, attributes)).collect::<Result<Vec<_>, _>>()?;
        let (one, zero) = (Some(Wire(Decimal::ONE)), Some(Wire(Decimal::ZERO)));
        let to_order = Some(Wire(self.rate));
        let own = || Some(self.base_currency.clone());
        let with_tax = Amount { doc: self.subtotal.doc + self.tax.doc, base: self.subtotal.base + self.tax.base };
        let histories = self.notes.iter().map(|note| StatusComment::internal(note.text(self.version), PENDING));
        Ok(OrderWrite {
            customer_email: Some(self.party.email.clone()),
            increment_id: Some(self.increment_id.clone()),
            ext_order_id: Some(self.ext_order_id.clone()),
            ext_customer_id: Some(self.ext_customer_id.clone()),
            store_id: Some(self.store_id),
            state: Some("new".to_owned()),
            status: Some(PENDING.to_owned()),
            customer_firstname: Some(self.party.first_name.clone()),
            customer_lastname: Some(self.party.last_name.clone()),
            customer_is_guest: Some(1),
            customer_group_id: Some(0),
            is_virtual: Some(1),
            base_currency_code: own(),
            global_currency_code: own(),
            store_currency_code: own(),
            order_currency_code: Some(self.currency.clone()),
            base_to_global_rate: one,
            store_to_base_rate: one,
            base_to_order_rate: to_order,
            store_to_order_rate: to_order,
            subtotal: doc(self.subtotal),
            base_subtotal: base(self.subtotal),
            subtotal_incl_tax: doc(with_tax),
            base_subtotal_incl_tax: base(with_tax),
            tax_amount: doc(self.tax),
            base_tax_amount: base(self.tax),
            shipping_amount: doc(self.shipping),
            base_shipping_amount: base(self.shipping),
            discount_amount: zero,
            base_discount_amount: zero,
            grand_total: doc(self.total),
            base_grand_total: base(self.total),
            total_due: doc(self.total),
            base_total_due: base(self.total),
            total_qty_ordered: Some(Wire(self.quantity())),
            items: Some(items),
            billing_address: self.party.address.clone(),
            payment: Some(self.payment()),
            status_histories: Some(histories.collect()),
            custom_attributes: attributes.then(|| {
                vec![
                    CustomAttribute::new("epicor_po_num", self.number.clone()),
                    CustomAttribute::new("epicor_vendor_num", self.ext_customer_id.clone()),
                ]
            }),
            ..OrderWrite::default()
        })
    }

    /// Pieces of the lines that count.
    pub(super) fn quantity(&self) -> Decimal {
        self.lines.iter().filter(|line| !line.void).map(|line| line.quantity).sum()
    }

    pub(super) fn new_line(&self, line: &DraftLine, attributes: bool) -> Result<OrderLineWrite, MappingProblem> {
        let mut write = self.line(line, None, attributes)?;
        write.product_type = Some("virtual".to_owned());
        write.is_virtual = Some(1);
        write.store_id = Some(self.store_id);
        write.discount_amount = Some(Wire(Decimal::ZERO));
        write.base_discount_amount = Some(Wire(Decimal::ZERO));
        write.ext_order_item_id = Some(line.ext_order_item_id.clone());
        put_amounts(&mut write, line.quantity, line.price, line.row_total, line.tax);
        Ok(write)
    }

    /// Texts of a line, without amounts. `found`: the data for other systems that stand there.
    pub(super) fn line(
        &self,
        line: &DraftLine,
        found: Option<&str>,
        attributes: bool,
    ) -> Result<OrderLineWrite, MappingProblem> {
        Ok(OrderLineWrite {
            sku: Some(line.sku.clone()),
            name: Some(line.name.clone()),
            description: line.description.clone(),
            additional_data: Some(line.additional_data(found)?),
            is_qty_decimal: Some(1),
            custom_attributes: attributes.then(|| vec![line.attribute(&self.gl_attribute)]),
            ..OrderLineWrite::default()
        })
    }

    fn payment(&self) -> Payment {
        let information = std::iter::once(format!("Epicor purchase order {}", self.number));
        Payment {
            method: Some(self.payment_method.clone()),
            po_number: Some(self.number.clone()),
            additional_information: Some(information.chain(self.facts.clone()).map(Into::into).collect()),
            amount_ordered: doc(self.total),
            base_amount_ordered: base(self.total),
            shipping_amount: doc(self.shipping),
            base_shipping_amount: base(self.shipping),
        }
    }
}

/// Quantity and all amounts of a line, in both currencies, with and without tax.
pub(super) fn put_amounts(
    write: &mut OrderLineWrite,
    quantity: Decimal,
    price: Amount,
    row_total: Amount,
    tax: Amount,
) {
    let each = |amount: Decimal| shares::round(amount.checked_div(quantity).unwrap_or_default(), DECIMALS).normalize();
    let priced = Amount { doc: price.doc + each(tax.doc), base: price.base + each(tax.base) };
    let whole = Amount { doc: row_total.doc + tax.doc, base: row_total.base + tax.base };
    write.qty_ordered = Some(Wire(quantity));
    (write.price, write.base_price) = (doc(price), base(price));
    (write.original_price, write.base_original_price) = (doc(price), base(price));
    (write.price_incl_tax, write.base_price_incl_tax) = (doc(priced), base(priced));
    (write.row_total, write.base_row_total) = (doc(row_total), base(row_total));
    (write.row_total_incl_tax, write.base_row_total_incl_tax) = (doc(whole), base(whole));
    (write.tax_amount, write.base_tax_amount) = (doc(tax), base(tax));
}
