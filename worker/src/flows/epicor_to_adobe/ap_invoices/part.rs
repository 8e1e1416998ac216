//! One part of an invoice: what a purchase order is billed.

use std::collections::BTreeMap;

use mlc_adobe::{CustomAttribute, Invoice, InvoiceAsk, Order, fault, wire::Amount};
use mlc_ledger::ReviewKind;
use mlc_mapping::{
    InvoiceDifference, InvoicePart, InvoicePlan, PriceDifference, accounts_by_line, compare_entered_invoice,
    compare_invoice, invoice_comment, is_ours, plan_invoice, settle_order,
};
use mlc_model::{Fault, FaultKind, System, order_increment_id};

use super::{Desk, OPERATION, Standing};
use crate::shop_invoices::shop_invoice_of;

/// Code of an invoice that the shop made otherwise than it was asked to.
const INVOICE_DIFFERS: &str = "INVOICE_DIFFERS";

impl Desk<'_> {
    /// Looks at order and invoices. Writes nothing to the shop, but an order's own prices where an invoice there is not right.
    pub(super) async fn look(&self, part: &InvoicePart) -> Result<Standing, Fault> {
        let number = order_increment_id(&self.invoice.company, part.order);
        let Some(order) = self.client.find_order(&number).await? else { return Ok(Standing::NoOrder { number }) };
        let mut invoices = self.invoices(&order).await?;
        let entered = self.entered_from().await?;
        let ours: Vec<usize> = invoices
            .iter()
            .enumerate()
            .filter(|(_, found)| self.is_the_one(found, entered))
            .map(|(at, _)| at)
            .collect();
        if let Some(first) = ours.first() {
            if ours.len() > 1 {
                self.raise_doubled(&number, ours.len()).await?;
                self.put_back(id_of(&order)?, &number).await?;
                return Ok(Standing::OnReview);
            }
            let invoice = invoices.swap_remove(*first);
            let is_entered = entered.is_some() && invoice.entity_id == entered;
            let compare = if is_entered { compare_entered_invoice } else { compare_invoice };
            let differences = compare(part, &order, &invoice);
            if differences.is_empty() {
                return Ok(Standing::There { order: Box::new(order), invoice: Box::new(invoice) });
            }
            self.raise_differing(&number, invoice.entity_id.unwrap_or_default(), &differences).await?;
            self.put_back(id_of(&order)?, &number).await?;
            return Ok(Standing::OnReview);
        }
        if let Some((shop, ours)) = self.other_currency(&order) {
            let facts = BTreeMap::from([("order".to_owned(), shop), ("invoice_currency".to_owned(), ours)]);
            let summary = format!("Invoice {} is in another currency than order {number}", self.invoice.number);
            self.raise(ReviewKind::Unmatched, &number, summary, facts).await?;
            return Ok(Standing::OnReview);
        }
        let before = self.before(&number).await?;
        let plan = match plan_invoice(part, &order, &invoices, &before) {
            Ok(plan) => plan,
            Err(mismatch) => return Ok(Standing::NoRoom { order_id: id_of(&order)?, number, mismatch }),
        };
        Ok(Standing::Ready { order: Box::new(order), plan: Box::new(plan) })
    }

    /// Corrects the order, makes the invoice, compares it and marks it.
    pub(super) async fn invoice(&self, part: &InvoicePart, order: Order, plan: InvoicePlan) -> Result<i64, Fault> {
        let number = order_increment_id(&self.invoice.company, part.order);
        let noted: Vec<&PriceDifference> =
            plan.differences.iter().filter(|difference| difference.is_noted(&self.rules)).collect();
        if !noted.is_empty() {
            self.note_prices(&number, &noted).await?;
        }
        let (order, plan) = self.correct(part, order, plan, &number).await?;
        let order_id = id_of(&order)?;
        let comment = invoice_comment(self.invoice, part, &self.rules);
        let ask = InvoiceAsk { items: plan.ask, comment: Some(comment), ..InvoiceAsk::default() };
        match self.client.create_invoice(order_id, &ask).await {
            Ok(_) => {}
            // An earlier try may have come through after all: the list tells.
            Err(fault) if says_done(&fault) => {
                if self.ours(&order).await?.is_empty() {
                    self.put_back(order_id, &number).await?;
                    return Err(fault);
                }
            }
            Err(fault) => {
                if fault.kind == FaultKind::Rejected {
                    self.put_back(order_id, &number).await?;
                }
                return Err(fault);
            }
        }
        let mut made = self.ours(&order).await?;
        if made.len() > 1 {
            self.raise_doubled(&number, made.len()).await?;
        }
        let Some(invoice) = made.pop() else {
            let message = "the shop took the invoice and does not show it yet";
            return Err(Fault::new(FaultKind::Uncertain, System::Adobe, OPERATION, message));
        };
        let differences = compare_invoice(part, &order, &invoice);
        if !differences.is_empty() {
            self.raise_differing(&number, invoice.entity_id.unwrap_or_default(), &differences).await?;
            self.put_back(order_id, &number).await?;
            return Err(differs(&differences));
        }
        let invoice_id = self.complete(part, &order, &invoice).await?;
        if plan.finishes {
            self.check_due(order_id, &number, invoice_id).await?;
        }
        Ok(invoice_id)
    }

    /// What follows an invoice: its number and accounts, and the order's own prices put back. Safe to repeat.
    pub(super) async fn complete(&self, part: &InvoicePart, order: &Order, invoice: &Invoice) -> Result<i64, Fault> {
        self.mark(part, order, invoice).await?;
        self.put_back_of(part, order).await?;
        invoice.entity_id.ok_or_else(|| Fault::defect(OPERATION, "an invoice of the shop has no id"))
    }

    pub(super) async fn put_back_of(&self, part: &InvoicePart, order: &Order) -> Result<(), Fault> {
        self.put_back(id_of(order)?, &order_increment_id(&self.invoice.company, part.order)).await
    }

    /// The same for every order that the invoice names: an earlier version may have corrected them.
    pub(super) async fn put_back_all(&self) -> Result<(), Fault> {
        for order in self.invoice.purchase_orders() {
            let number = order_increment_id(&self.invoice.company, order);
            if self.before(&number).await?.is_empty() {
                continue;
            }
            if let Some(order) = self.client.find_order(&number).await? {
                self.put_back(id_of(&order)?, &number).await?;
            }
        }
        Ok(())
    }

    /// What is open of an order at its own prices again, where an invoice had corrected them, whether it came about or not.
    pub(super) async fn put_back(&self, order_id: i64, number: &str) -> Result<(), Fault> {
        let before = self.before(number).await?;
        if before.is_empty() {
            return Ok(());
        }
        for again in 0..3 {
            let present = self.client.order(order_id).await?;
            let change = settle_order(&present, &before);
            // A shop may work the state out by itself: it was told once.
            let Some(change) = change.filter(|change| again == 0 || change.grand_total.is_some()) else {
                // Only once the order shows it: nothing else knows the prices any more.
                return self.forget_before(number).await;
            };
            self.client.update_order(&present, &change).await?;
        }
        let message = "the shop does not show the order's own prices that were put back";
        Err(Fault::new(FaultKind::Uncertain, System::Adobe, OPERATION, message))
    }

    async fn correct(
        &self,
        part: &InvoicePart,
        mut order: Order,
        mut plan: InvoicePlan,
        number: &str,
    ) -> Result<(Order, InvoicePlan), Fault> {
        for _ in 0..3 {
            self.keep_before(number, &plan.before).await?;
            self.client.update_order(&order, &plan.change).await?;
            if !plan.adds_lines {
                return Ok((order, plan));
            }
            order = self.client.order(id_of(&order)?).await?;
            let invoices = self.invoices(&order).await?;
            plan = plan_invoice(part, &order, &invoices, &self.before(number).await?)
                .map_err(|mismatch| Fault::new(FaultKind::Transient, System::Adobe, OPERATION, mismatch.summary))?;
        }
        let message = "the shop does not show a line that was added to the order";
        Err(Fault::new(FaultKind::Transient, System::Adobe, OPERATION, message))
    }

    /// All invoices of an order, with their comments. Shops before 2.4 leave them out of lists.
    async fn invoices(&self, order: &Order) -> Result<Vec<Invoice>, Fault> {
        let mut invoices = self.client.invoices_of_order(id_of(order)?).await?;
        for invoice in &mut invoices {
            if let (None, Some(entity_id)) = (&invoice.comments, invoice.entity_id) {
                invoice.comments = Some(self.client.invoice_comments(entity_id).await?);
            }
        }
        Ok(invoices)
    }

    async fn ours(&self, order: &Order) -> Result<Vec<Invoice>, Fault> {
        let mut invoices = self.invoices(order).await?;
        let entered = self.entered_from().await?;
        invoices.retain(|found| self.is_the_one(found, entered));
        Ok(invoices)
    }

    /// The invoice of the shop that this one was entered in Epicor from. It is known before the shop's bears a mark.
    async fn entered_from(&self) -> Result<Option<i64>, Fault> {
        shop_invoice_of(self.context, &self.job.flow, &self.invoice.key()).await
    }

    fn is_the_one(&self, found: &Invoice, entered: Option<i64>) -> bool {
        let is_entered = entered.is_some() && found.entity_id == entered;
        found.state != Some(Invoice::CANCELED) && (is_entered || is_ours(found, self.invoice))
    }

    async fn mark(&self, part: &InvoicePart, order: &Order, invoice: &Invoice) -> Result<(), Fault> {
        let attributes = self.missing_accounts(part, order, invoice).await?;
        let numbered = invoice.transaction_id.as_deref() == Some(self.invoice.number.as_str());
        if numbered && attributes.is_empty() {
            return Ok(());
        }
        match self.client.mark_invoice(invoice, &self.invoice.number, &attributes).await {
            // The comment carries the accounts in any case.
            Err(fault) if !attributes.is_empty() && fault::refuses_custom_attributes(&fault) => {
                if numbered {
                    return Ok(());
                }
                self.client.set_invoice_transaction(invoice, &self.invoice.number).await
            }
            other => other,
        }
    }

    /// Accounts that the invoice's lines should carry and do not, by the lines' ids. None where the shop keeps no attributes.
    async fn missing_accounts(
        &self,
        part: &InvoicePart,
        order: &Order,
        invoice: &Invoice,
    ) -> Result<BTreeMap<i64, Vec<CustomAttribute>>, Fault> {
        if !self.context.shop_capabilities(&self.job.to).await?.line_attributes {
            return Ok(BTreeMap::new());
        }
        let code = &self.context.flow(&self.job.flow)?.ap_invoices.gl.attribute;
        let accounts = accounts_by_line(self.invoice, part, &self.rules);
        let mut missing = BTreeMap::new();
        for item in invoice.items.iter().flatten() {
            let line = order.items.iter().flatten().find(|line| line.item_id == item.order_item_id);
            let Some(key) = line.and_then(|line| line.ext_order_item_id.as_deref()) else { continue };
            let by_line = key.rsplit_once('/').map_or(key, |(line, _)| line);
            let Some(account) = accounts.get(key).or_else(|| accounts.get(by_line)) else { continue };
            let wanted = CustomAttribute::new(code, account.clone());
            let carried = item.custom_attributes.iter().flatten().any(|attribute| *attribute == wanted);
            if let (false, Some(entity_id)) = (carried, item.entity_id) {
                missing.insert(entity_id, vec![wanted]);
            }
        }
        Ok(missing)
    }

    fn other_currency(&self, order: &Order) -> Option<(String, String)> {
        let differs = |shop: &Option<String>, ours: &str| {
            let shop = shop.as_deref().map(str::trim).filter(|code| !code.is_empty())?;
            let ours = Some(ours.trim()).filter(|code| !code.is_empty())?;
            (!shop.eq_ignore_ascii_case(ours)).then(|| (shop.to_owned(), ours.to_owned()))
        };
        let base = self.invoice.base_currency.as_deref().unwrap_or_default();
        differs(&order.order_currency_code, &self.invoice.currency).or_else(|| differs(&order.base_currency_code, base))
    }

    async fn check_due(&self, order_id: i64, number: &str, invoice_id: i64) -> Result<(), Fault> {
        let order = self.client.order(order_id).await?;
        let due = order.total_due.unwrap_or_default().0;
        if due.is_zero() {
            return Ok(());
        }
        let difference = InvoiceDifference { what: "total_due".to_owned(), wanted: Amount::default().0, found: due };
        self.raise_differing(number, invoice_id, std::slice::from_ref(&difference)).await?;
        Err(differs(&[difference]))
    }

    async fn raise_doubled(&self, number: &str, times: usize) -> Result<(), Fault> {
        let facts = BTreeMap::from([("order".to_owned(), number.to_owned()), ("times".to_owned(), times.to_string())]);
        let summary =
            format!("Invoice {} stands {times} times on order {number}: cancel all but one", self.invoice.number);
        self.raise(ReviewKind::Unmatched, number, summary, facts).await
    }
}

fn id_of(order: &Order) -> Result<i64, Fault> {
    order.entity_id.ok_or_else(|| Fault::defect(OPERATION, "an order of the shop has no id"))
}

fn says_done(fault: &Fault) -> bool {
    let code = fault.code.as_deref().unwrap_or_default();
    [fault::code::NOTHING_TO_INVOICE, fault::code::NO_INVOICE_LINES, fault::code::ORDER_STATE].contains(&code)
}

fn differs(differences: &[InvoiceDifference]) -> Fault {
    let words = |difference: &InvoiceDifference| {
        format!("{}: Epicor {}, shop {}", difference.what, difference.wanted, difference.found)
    };
    let list = differences.iter().map(words).collect::<Vec<_>>().join("; ");
    let message = format!("the shop's invoice is not equal to Epicor's, and stands on the review list: {list}");
    Fault::new(FaultKind::Rejected, System::Adobe, OPERATION, message).with_code(INVOICE_DIFFERS)
}
