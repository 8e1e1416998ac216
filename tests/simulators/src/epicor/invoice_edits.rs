//! What accounts payable does to supplier invoices, for tests.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    money::Amount,
    order_edits::{amount, rate_of, sum},
    rules::{DEFAULT_ACCOUNT, expense_tree},
    store::Store,
    tableset::{Fields, flag, int, text},
    value::KeyPart,
};

/// An invoice to add. Debit memos and corrections get negative quantities and amounts.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewInvoice {
    /// `VendorNum`, which must exist.
    pub vendor: i64,
    /// `InvoiceNum`.
    pub number: String,
    /// `REFPONum`.
    pub reference: Option<i64>,
    /// Currency; that of the first order, else the vendor's, when absent.
    pub currency: Option<String>,
    /// Base currency for one unit of the invoice's; that of the first order, else 1, when absent.
    pub rate: Option<String>,
    /// Whether it is booked.
    pub posted: bool,
    /// Whether it is a debit memo.
    pub debit_memo: bool,
    /// Whether it corrects another one.
    pub correction: bool,
    /// Tax in the invoice's currency.
    pub tax: String,
    /// Day of the invoice.
    pub date: String,
    /// Lines, numbered from 1.
    pub lines: Vec<NewInvoiceLine>,
}

impl Default for NewInvoice {
    fn default() -> Self {
        Self {
            vendor: 1,
            number: "INV-1".into(),
            reference: None,
            currency: None,
            rate: None,
            posted: true,
            debit_memo: false,
            correction: false,
            tax: "0".into(),
            date: "2026-04-22".into(),
            lines: Vec::new(),
        }
    }
}

/// A line to add.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewInvoiceLine {
    /// Order, line and release it bills; a miscellaneous line when absent.
    pub order: Option<[i64; 3]>,
    /// Quantity.
    pub quantity: i64,
    /// Price in the invoice's currency; the order's when absent.
    pub price: Option<String>,
    /// Description of a line without an order.
    pub text: String,
    /// Account; the release's, else the one for purchases without an order, when absent.
    pub account: Option<String>,
    /// Charge beside the amount, in the invoice's currency.
    pub charge: String,
}

impl Default for NewInvoiceLine {
    fn default() -> Self {
        Self { order: None, quantity: 1, price: None, text: "Service".into(), account: None, charge: "0".into() }
    }
}

fn signed(amount: Amount, negative: bool) -> Amount {
    if negative { -amount } else { amount }
}

fn priced(line: &Fields, rate: Amount) -> Value {
    let (quantity, price) = (Amount::of(line.get("VendorQty")), Amount::of(line.get("DocUnitCost")));
    let (base, per) = (price.at(rate).rounded_to(5), text(line, "CostPerCode"));
    let charge = Amount::of(line.get("DocTotalMiscChrg"));
    json!({
        "DocUnitCost": price.text(5), "UnitCost": base.text(5), "OurQty": line.get("VendorQty"),
        "DocExtCost": Amount::extended(quantity, price, per).text(2), "ExtCost": Amount::extended(quantity, base, per).text(2),
        "TotalMiscChrg": charge.at(rate).rounded_to(2).text(2), "DocTotalMiscChrg": charge.text(2),
    })
}

fn merge(row: &mut Fields, fields: &Value) {
    if let Value::Object(fields) = fields {
        row.extend(fields.clone());
    }
}

/// Totals of an invoice: lines, their charges and the tax.
fn totals(header: &Fields, lines: &[Fields]) -> Value {
    let doc = sum(lines, "DocExtCost") + sum(lines, "DocTotalMiscChrg") + Amount::of(header.get("DocTaxAmt"));
    let base = sum(lines, "ExtCost") + sum(lines, "TotalMiscChrg") + Amount::of(header.get("TaxAmt"));
    let (doc, base) = (doc.text(2), base.text(2));
    json!({
        "InvoiceAmt": base, "DocInvoiceAmt": doc, "InvoiceVendorAmt": base, "DocInvoiceVendorAmt": doc,
        "InvoiceBal": base, "DocInvoiceBal": doc,
    })
}

type Done = Result<(), String>;

impl Store {
    /// Adds an invoice with its expenses and accounts; returns its key. A posted one raises `InvoicedQty` of the releases it bills.
    ///
    /// # Errors
    /// When vendor, order or release do not exist, a text is no amount, or the number is taken.
    pub fn add_invoice(&mut self, company: &str, invoice: &NewInvoice) -> Result<Value, String> {
        let at = self.place(company, "APInvHed")?.0;
        let vendor = self.row(company, "Vendor", &invoice.vendor.into()).ok_or("no such vendor")?;
        let first = invoice.lines.iter().find_map(|line| line.order);
        let order = first.and_then(|[order, ..]| self.find_row(at, "POHeader", &[KeyPart::Int(order)]));
        let rate = match (&invoice.rate, &order) {
            (Some(rate), _) => amount(rate)?,
            (None, Some(order)) => rate_of(order),
            (None, None) => Amount::whole(1),
        };
        let currency = match (&invoice.currency, &order) {
            (Some(currency), _) => Value::from(currency.as_str()),
            (None, Some(order)) => order["CurrencyCode"].clone(),
            (None, None) => vendor["CurrencyCode"].clone(),
        };
        let negative = invoice.debit_memo || invoice.correction;
        let mut lines = Vec::new();
        for (line, number) in invoice.lines.iter().zip(1_i64..) {
            lines.push(self.invoice_row(company, line, number, rate, negative)?);
        }
        let tax = signed(amount(&invoice.tax)?, negative);
        let date = format!("{}T00:00:00", invoice.date);
        let Value::Object(mut header) = json!({
            "VendorNum": invoice.vendor, "InvoiceNum": invoice.number, "GroupID": "APR26", "Posted": invoice.posted,
            "OpenPayable": true, "DebitMemo": invoice.debit_memo, "CorrectionInv": invoice.correction, "InvoiceDate": date,
            "ApplyDate": date, "DueDate": date, "TermsCode": vendor["TermsCode"], "Description": "Goods",
            "REFPONum": invoice.reference.unwrap_or(0), "CurrencyCode": currency, "BaseCurrencyID": "USD",
            "ExchangeRate": rate.text(6), "TaxAmt": tax.at(rate).rounded_to(2).text(2), "DocTaxAmt": tax.text(2),
            "FiscalYear": 2026, "FiscalPeriod": 4, "EntryPerson": "apclerk", "VendorNumVendorID": vendor["VendorID"],
            "VendorNumName": vendor["Name"],
        }) else {
            unreachable!("the literal above is an object")
        };
        let sums = totals(&header, &lines);
        merge(&mut header, &sums);
        for (line, number) in lines.iter_mut().zip(1_i64..) {
            let amounts = json!({ "ExpAmt": line["ExtCost"], "DocExpAmt": line["DocExtCost"] });
            let text = KeyPart::Text(invoice.number.as_str().into());
            let key = [KeyPart::Int(invoice.vendor), text, KeyPart::Int(number), KeyPart::Int(1)];
            let account = text_of(line, "GLAccount");
            line.insert("APInvExps".into(), json!([expense_tree(&key, &amounts, &account, false)]));
        }
        header.insert("APInvDtls".into(), lines.into_iter().map(Value::Object).collect());
        let key = self.insert_tree(company, "APInvHed", &Value::Object(header))?;
        if invoice.posted {
            self.bill_releases(company, invoice.vendor, &invoice.number)?;
        }
        Ok(key)
    }

    fn invoice_row(
        &self,
        company: &str,
        line: &NewInvoiceLine,
        number: i64,
        rate: Amount,
        negative: bool,
    ) -> Result<Fields, String> {
        let at = self.place(company, "PODetail")?.0;
        let quantity = signed(Amount::whole(line.quantity), negative);
        let charge = signed(amount(&line.charge)?, negative);
        let mut row = Fields::new();
        let common = json!({
            "InvoiceLine": number, "VendorQty": quantity.json(), "PUM": "EA", "IUM": "EA", "CostPerCode": "E",
            "LineType": "M", "Description": line.text, "PONum": 0, "DocTotalMiscChrg": charge.text(2),
            "GLAccount": DEFAULT_ACCOUNT,
        });
        merge(&mut row, &common);
        if let Some(release) = line.order {
            let key = release.map(KeyPart::Int);
            let missing = || format!("no release {release:?}");
            let detail = self.find_row(at, "PODetail", &key[..2]).ok_or_else(missing)?;
            self.find_row(at, "PORel", &key).ok_or_else(missing)?;
            let books = self.rows_below(at, "PORelTGLC", &key);
            let book = books.iter().find(|book| flag(book, "IsMainBook")).or(books.first());
            let [order, order_line, release] = release;
            let of_order = json!({
                "LineType": "R", "PONum": order, "POLine": order_line, "PORelNum": release, "PartNum": detail["PartNum"],
                "PackSlip": format!("PS{order}"), "PackLine": number,
                "VenPartNum": detail["VenPartNum"], "Description": detail["LineDesc"], "CostPerCode": detail["CostPerCode"],
                "DocUnitCost": detail["DocUnitCost"],
                "GLAccount": book.map_or(DEFAULT_ACCOUNT, |book| text(book, "GLAccount")),
            });
            merge(&mut row, &of_order);
        }
        match &line.price {
            Some(price) => {
                row.insert("DocUnitCost".into(), amount(price)?.text(5).into());
            }
            None if line.order.is_none() => return Err("a line without an order needs a price".into()),
            None => {}
        }
        if let Some(account) = &line.account {
            row.insert("GLAccount".into(), account.as_str().into());
        }
        let prices = priced(&row, rate);
        merge(&mut row, &prices);
        Ok(row)
    }

    fn invoice(&self, company: &str, vendor: i64, number: &str) -> Result<(Fields, Vec<Fields>), String> {
        let at = self.place(company, "APInvHed")?.0;
        let key = [KeyPart::Int(vendor), KeyPart::Text(number.into())];
        let header = self.find_row(at, "APInvHed", &key).ok_or_else(|| format!("no invoice {number:?}"))?;
        Ok((header, self.rows_below(at, "APInvDtl", &key)))
    }

    fn bill_releases(&mut self, company: &str, vendor: i64, number: &str) -> Done {
        let at = self.place(company, "PORel")?.0;
        for line in self.invoice(company, vendor, number)?.1 {
            let key = [int(&line, "PONum"), int(&line, "POLine"), int(&line, "PORelNum")];
            let Some(release) = self.find_row(at, "PORel", &key.map(KeyPart::Int)) else { continue };
            let billed = Amount::of(release.get("InvoicedQty")) + Amount::of(line.get("VendorQty"));
            let received = billed.max(Amount::of(release.get("ReceivedQty")));
            let fields = json!({ "InvoicedQty": billed.json(), "ReceivedQty": received.json() });
            self.update(company, "PORel", &json!(key), &fields)?;
        }
        Ok(())
    }

    /// Books an invoice.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn post_invoice(&mut self, company: &str, vendor: i64, number: &str) -> Done {
        self.update(company, "APInvHed", &json!([vendor, number]), &json!({ "Posted": true }))?;
        self.bill_releases(company, vendor, number)
    }

    /// Changes the header; the totals follow, `TaxAmt` from `DocTaxAmt`.
    ///
    /// # Errors
    /// When the invoice does not exist.
    pub fn edit_invoice(&mut self, company: &str, vendor: i64, number: &str, fields: &Value) -> Done {
        let (mut header, lines) = self.invoice(company, vendor, number)?;
        merge(&mut header, fields);
        let mut change = Fields::new();
        merge(&mut change, fields);
        let tax = Amount::of(header.get("DocTaxAmt")).at(rate_of(&header)).rounded_to(2).text(2);
        header.insert("TaxAmt".into(), tax.clone().into());
        change.insert("TaxAmt".into(), tax.into());
        merge(&mut change, &totals(&header, &lines));
        self.update(company, "APInvHed", &json!([vendor, number]), &Value::Object(change))
    }

    /// Changes a line; its amounts, its expense with the accounts and the header's totals follow. The header is written too, as Kinetic does.
    ///
    /// # Errors
    /// When the line does not exist.
    pub fn edit_invoice_line(&mut self, company: &str, vendor: i64, number: &str, line: i64, fields: &Value) -> Done {
        let (header, lines) = self.invoice(company, vendor, number)?;
        let mut row = lines
            .into_iter()
            .find(|row| int(row, "InvoiceLine") == line)
            .ok_or_else(|| format!("no line {line} of invoice {number:?}"))?;
        merge(&mut row, fields);
        let prices = priced(&row, rate_of(&header));
        let mut change = Fields::new();
        merge(&mut change, fields);
        merge(&mut change, &prices);
        self.update(company, "APInvDtl", &json!([vendor, number, line]), &Value::Object(change))?;
        let expense = json!([vendor, number, line, 1]);
        let amounts = json!({ "ExpAmt": prices["ExtCost"], "DocExpAmt": prices["DocExtCost"] });
        self.update(company, "APInvExp", &expense, &amounts)?;
        let key = [KeyPart::Int(vendor), KeyPart::Text(number.into()), KeyPart::Int(line)];
        for account in self.keys_below(self.place(company, "APInvExpTGLC")?.0, "APInvExpTGLC", &key) {
            let shares = json!({ "TransAmt": prices["ExtCost"], "DebitAmount": prices["ExtCost"] });
            self.update(company, "APInvExpTGLC", &super::save::key_array(&account), &shares)?;
        }
        self.edit_invoice(company, vendor, number, &json!({}))
    }
}

fn text_of(row: &Fields, name: &str) -> String {
    text(row, name).to_owned()
}
