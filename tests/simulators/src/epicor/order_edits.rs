//! What buyers do to purchase orders, for tests. Only the rows that are named get a new revision and stamp; the totals of the header follow
//! without one, which is how an edit of a line stays invisible to a reader of headers.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    money::Amount,
    rules::gl_row,
    store::Store,
    tableset::{Fields, flag, text},
    value::KeyPart,
};

/// An order to add.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewOrder {
    /// `VendorNum`, which must exist.
    pub vendor: i64,
    /// Currency; the vendor's when absent.
    pub currency: Option<String>,
    /// Base currency for one unit of the order's.
    pub rate: String,
    /// `ApprovalStatus`.
    pub approval: String,
    /// Freight in the order's currency.
    pub freight: String,
    /// Tax in the order's currency.
    pub tax: String,
    /// Lines, numbered from 1.
    pub lines: Vec<NewOrderLine>,
}

impl Default for NewOrder {
    fn default() -> Self {
        Self {
            vendor: 1,
            currency: None,
            rate: "1".into(),
            approval: "A".into(),
            freight: "0".into(),
            tax: "0".into(),
            lines: vec![NewOrderLine::default()],
        }
    }
}

/// A line to add, with its releases.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewOrderLine {
    /// `PartNum`.
    pub part: String,
    /// `LineDesc`.
    pub text: String,
    /// `DocUnitCost`.
    pub price: String,
    /// `E`, `C` or `M`.
    pub cost_per: String,
    /// Quantities of the releases, numbered from 1.
    pub releases: Vec<i64>,
    /// Account of every release.
    pub account: String,
    /// When it is due, as a day.
    pub due: String,
}

impl Default for NewOrderLine {
    fn default() -> Self {
        Self {
            part: "BRG-6204".into(),
            text: "Ball bearing 6204".into(),
            price: "10.00".into(),
            cost_per: "E".into(),
            releases: vec![1],
            account: "6100|10|200".into(),
            due: "2026-05-04".into(),
        }
    }
}

pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    Amount::parse(text).ok_or_else(|| format!("{text:?} is no amount"))
}

pub(crate) fn rate_of(header: &Fields) -> Amount {
    let rate = Amount::of(header.get("ExchangeRate"));
    if rate.is_positive() { rate } else { Amount::whole(1) }
}

pub(crate) fn sum(rows: &[Fields], column: &str) -> Amount {
    rows.iter().map(|row| Amount::of(row.get(column))).sum()
}

/// Prices and amounts of an order line, from its quantity and the price in the order's currency.
fn priced(line: &Fields, rate: Amount) -> Value {
    let (quantity, price) = (Amount::of(line.get("OrderQty")), Amount::of(line.get("DocUnitCost")));
    let (base, per) = (price.at(rate).rounded_to(5), text(line, "CostPerCode"));
    json!({
        "DocUnitCost": price.text(5), "UnitCost": base.text(5),
        "DocExtCost": Amount::extended(quantity, price, per).text(2), "ExtCost": Amount::extended(quantity, base, per).text(2),
    })
}

fn merge(row: &mut Fields, fields: &Value) {
    if let Value::Object(fields) = fields {
        row.extend(fields.clone());
    }
}

fn tree(number: i64, line: &NewOrderLine, header: &Fields) -> Result<Value, String> {
    let quantity: i64 = line.releases.iter().sum();
    let due = format!("{}T00:00:00", line.due);
    let book = gl_row(&line.account, "MAIN", "MAINCOA", 1, &json!({ "ExpAmt": "0.00" }));
    let releases = line.releases.iter().zip(1_i64..).map(|(quantity, release)| {
        json!({
            "PORelNum": release, "RelQty": quantity, "XRelQty": quantity, "OpenRelease": true, "Status": "O",
            "Plant": "MfgSys", "WarehouseCode": "MAIN", "TranType": "PUR-UKN", "DueDate": due, "PromiseDt": due,
            "PORelTGLCs": [book],
        })
    });
    let releases: Vec<Value> = releases.collect();
    let Value::Object(mut row) = json!({
        "POLine": number, "OpenLine": true, "VoidLine": false, "PartNum": line.part, "LineDesc": line.text,
        "VenPartNum": format!("V-{}", line.part), "IUM": "EA", "PUM": "EA", "OrderQty": quantity, "XOrderQty": quantity,
        "CalcOurQty": quantity, "CalcVendQty": quantity, "CostPerCode": line.cost_per, "DueDate": due, "ClassID": "MRO",
        "DocUnitCost": amount(&line.price)?.text(5), "CurrencyCode": header["CurrencyCode"], "VendorNum": header["VendorNum"],
        "PORels": releases,
    }) else {
        unreachable!("the literal above is an object")
    };
    let prices = priced(&row, rate_of(header));
    merge(&mut row, &prices);
    Ok(Value::Object(row))
}

type Done = Result<(), String>;

impl Store {
    fn order(&self, company: &str, order: i64) -> Result<Fields, String> {
        let at = self.place(company, "POHeader")?.0;
        self.find_row(at, "POHeader", &[KeyPart::Int(order)]).ok_or_else(|| format!("no order {order}"))
    }

    fn order_line(&self, company: &str, order: i64, line: i64) -> Result<Fields, String> {
        let at = self.place(company, "PODetail")?.0;
        let key = [order, line].map(KeyPart::Int);
        self.find_row(at, "PODetail", &key).ok_or_else(|| format!("no line {line} of order {order}"))
    }

    fn releases(&self, company: &str, order: i64, line: i64) -> Result<Vec<Fields>, String> {
        let at = self.place(company, "PORel")?.0;
        Ok(self.rows_below(at, "PORel", &[order, line].map(KeyPart::Int)))
    }

    fn order_lines(&self, company: &str, order: i64) -> Result<Vec<Fields>, String> {
        let at = self.place(company, "PODetail")?.0;
        Ok(self.rows_below(at, "PODetail", &[KeyPart::Int(order)]))
    }

    /// Adds an order with its lines, releases, accounts and freight; returns its number.
    ///
    /// # Errors
    /// When company or vendor do not exist, or a text is no amount.
    pub fn add_order(&mut self, company: &str, order: &NewOrder) -> Result<i64, String> {
        let vendor = self.row(company, "Vendor", &order.vendor.into()).ok_or("no such vendor")?;
        let (rate, freight, tax) = (amount(&order.rate)?, amount(&order.freight)?, amount(&order.tax)?);
        let base = |amount: Amount| amount.at(rate).rounded_to(2).text(2);
        let approved = order.approval == "A";
        let first = self.rows(company, "POHeader").last().and_then(|row| row["PONum"].as_i64()).unwrap_or(50_000) + 1;
        let Value::Object(mut header) = json!({
            "PONum": first, "OpenOrder": true, "Approve": approved, "ApprovalStatus": order.approval,
            "OrderDate": "2026-04-20T00:00:00", "DueDate": "2026-05-04T00:00:00", "BuyerID": "BUY1", "BuyerIDName": "Bea Buyer",
            "EntryPerson": "buy1", "VendorNum": order.vendor, "VendorVendorID": vendor["VendorID"], "VendorName": vendor["Name"],
            "ShipName": format!("{company} Distributing"), "ShipAddress1": "1 Dock St", "ShipCity": "Duluth", "ShipState": "MN",
            "ShipZIP": "55802", "ShipCountry": "United States", "POType": "STD", "TermsCode": vendor["TermsCode"],
            "CurrencyCode": order.currency.clone().map_or_else(|| vendor["CurrencyCode"].clone(), Value::from),
            "BaseCurrencyID": "USD", "ExchangeRate": rate.text(6), "TotalMiscCharges": base(freight),
            "DocTotalMisc": freight.text(2), "TotalTax": base(tax), "DocTotalTax": tax.text(2), "HasLines": true,
        }) else {
            unreachable!("the literal above is an object")
        };
        if freight.is_positive() {
            header.insert(
                "POHeadMiscs".into(),
                json!([{ "POLine": 0, "SeqNum": 1, "MiscCode": "FRT", "Description": "Freight", "Type": "A",
                    "MiscAmt": base(freight), "DocMiscAmt": freight.text(2), "CurrencyCode": header["CurrencyCode"] }]),
            );
        }
        let lines = order.lines.iter().zip(1..).map(|(line, number)| tree(number, line, &header));
        let lines: Vec<Value> = lines.collect::<Result<_, _>>()?;
        header.insert("PODetails".into(), lines.into());
        self.insert_tree(company, "POHeader", &Value::Object(header))?;
        self.retotal_order(company, first)?;
        Ok(first)
    }

    /// Adds a line with releases and accounts to an order; returns its number.
    ///
    /// # Errors
    /// When the order does not exist, or a text is no amount.
    pub fn add_line(&mut self, company: &str, order: i64, line: &NewOrderLine) -> Result<i64, String> {
        let header = self.order(company, order)?;
        let last = self.order_lines(company, order)?.iter().filter_map(|row| row["POLine"].as_i64()).max();
        let number = last.unwrap_or(0) + 1;
        let mut row = tree(number, line, &header)?;
        row["PONUM"] = order.into();
        self.insert_tree(company, "PODetail", &row)?;
        self.retotal_order(company, order)?;
        Ok(number)
    }

    /// Changes a line; prices, amounts and totals follow in both currencies. A new `OrderQty` changes the release too.
    ///
    /// # Errors
    /// When the line does not exist, or `OrderQty` is given for a line with several releases.
    pub fn edit_line(&mut self, company: &str, order: i64, line: i64, fields: &Value) -> Done {
        let rate = rate_of(&self.order(company, order)?);
        let mut row = self.order_line(company, order, line)?;
        let mut change = Fields::new();
        merge(&mut change, fields);
        if let Some(quantity) = change.get("OrderQty").cloned() {
            let releases = self.releases(company, order, line)?;
            let [release] = releases.as_slice() else {
                return Err(format!("line {line} has {} releases; change those", releases.len()));
            };
            let key = json!([order, line, release["PORelNum"]]);
            self.update(company, "PORel", &key, &json!({ "RelQty": quantity, "XRelQty": quantity }))?;
            merge(&mut change, &json!({ "XOrderQty": quantity, "CalcOurQty": quantity, "CalcVendQty": quantity }));
        }
        merge(&mut row, &Value::Object(change.clone()));
        merge(&mut change, &priced(&row, rate));
        self.update(company, "PODetail", &json!([order, line]), &Value::Object(change))?;
        self.retotal_order(company, order)
    }

    /// Changes a release. A new `RelQty` makes the line's quantity and amounts the sum of its releases again.
    ///
    /// # Errors
    /// When the release does not exist.
    pub fn edit_release(&mut self, company: &str, order: i64, line: i64, release: i64, fields: &Value) -> Done {
        let mut change = Fields::new();
        merge(&mut change, fields);
        let quantity = change.get("RelQty").cloned();
        if let Some(quantity) = &quantity {
            change.insert("XRelQty".into(), quantity.clone());
        }
        self.update(company, "PORel", &json!([order, line, release]), &Value::Object(change))?;
        if quantity.is_none() {
            return Ok(());
        }
        let all = sum(&self.releases(company, order, line)?, "RelQty").json();
        let mut row = self.order_line(company, order, line)?;
        let mut change = Fields::new();
        merge(&mut change, &json!({ "OrderQty": all, "XOrderQty": all, "CalcOurQty": all, "CalcVendQty": all }));
        merge(&mut row, &Value::Object(change.clone()));
        merge(&mut change, &priced(&row, rate_of(&self.order(company, order)?)));
        self.update(company, "PODetail", &json!([order, line]), &Value::Object(change))?;
        self.retotal_order(company, order)
    }

    fn end_line(&mut self, company: &str, order: i64, line: i64, of_line: &Value, of_release: &Value) -> Done {
        self.update(company, "PODetail", &json!([order, line]), of_line)?;
        for release in self.releases(company, order, line)? {
            self.update(company, "PORel", &json!([order, line, release["PORelNum"]]), of_release)?;
        }
        self.retotal_order(company, order)
    }

    /// Cancels a line with its releases.
    ///
    /// # Errors
    /// When the line does not exist.
    pub fn void_line(&mut self, company: &str, order: i64, line: i64) -> Done {
        let of_release = json!({ "VoidRelease": true, "OpenRelease": false, "Status": "V" });
        self.end_line(company, order, line, &json!({ "VoidLine": true, "OpenLine": false }), &of_release)
    }

    /// Closes a line with its releases.
    ///
    /// # Errors
    /// When the line does not exist.
    pub fn close_line(&mut self, company: &str, order: i64, line: i64) -> Done {
        let of_release = json!({ "OpenRelease": false, "Status": "C" });
        self.end_line(company, order, line, &json!({ "OpenLine": false }), &of_release)
    }

    /// Removes a line with all below it. Nothing is left to tell, so the header is written with its new totals.
    ///
    /// # Errors
    /// When the line does not exist.
    pub fn delete_line(&mut self, company: &str, order: i64, line: i64) -> Done {
        self.order_line(company, order, line)?;
        let at = self.place(company, "PORel")?.0;
        for table in ["PORelTGLC", "PORel"] {
            for key in self.keys_below(at, table, &[order, line].map(KeyPart::Int)) {
                self.delete(company, table, &super::save::key_array(&key))?;
            }
        }
        self.delete(company, "PODetail", &json!([order, line]))?;
        self.retotal_order(company, order)?;
        self.update(company, "POHeader", &order.into(), &json!({}))
    }

    /// Changes the header. A new `ExchangeRate` changes the base amounts of everything below, without a new revision there.
    ///
    /// # Errors
    /// When the order does not exist.
    pub fn edit_order(&mut self, company: &str, order: i64, fields: &Value) -> Done {
        self.update(company, "POHeader", &order.into(), fields)?;
        if fields.get("ExchangeRate").is_some() {
            let header = self.order(company, order)?;
            let rate = rate_of(&header);
            for line in self.order_lines(company, order)? {
                self.amend(company, "PODetail", &json!([order, line["POLine"]]), &priced(&line, rate))?;
            }
            let base = |column: &str| Amount::of(header.get(column)).at(rate).rounded_to(2).text(2);
            let (tax, freight) = (base("DocTotalTax"), base("DocTotalMisc"));
            for misc in self.rows_below(self.place(company, "POHeadMisc")?.0, "POHeadMisc", &[KeyPart::Int(order)]) {
                let key = json!([order, misc["POLine"], misc["SeqNum"]]);
                let amount = Amount::of(misc.get("DocMiscAmt")).at(rate).rounded_to(2).text(2);
                self.amend(company, "POHeadMisc", &key, &json!({ "MiscAmt": amount }))?;
            }
            let totals = json!({ "TotalTax": tax, "TotalMiscCharges": freight });
            self.amend(company, "POHeader", &order.into(), &totals)?;
        }
        self.retotal_order(company, order)
    }

    /// Cancels an order with its lines and releases.
    ///
    /// # Errors
    /// When the order does not exist.
    pub fn void_order(&mut self, company: &str, order: i64) -> Done {
        for line in self.order_lines(company, order)? {
            self.void_line(company, order, line["POLine"].as_i64().unwrap_or_default())?;
        }
        self.edit_order(company, order, &json!({ "VoidOrder": true, "OpenOrder": false }))
    }

    /// Closes an order with its lines and releases.
    ///
    /// # Errors
    /// When the order does not exist.
    pub fn close_order(&mut self, company: &str, order: i64) -> Done {
        for line in self.order_lines(company, order)? {
            self.close_line(company, order, line["POLine"].as_i64().unwrap_or_default())?;
        }
        self.edit_order(company, order, &json!({ "OpenOrder": false }))
    }

    /// Approves an order.
    ///
    /// # Errors
    /// When the order does not exist.
    pub fn approve_order(&mut self, company: &str, order: i64) -> Done {
        self.set_approval(company, order, "A")
    }

    /// Sets `ApprovalStatus`, and what goes with it, to `U`, `P`, `A` or `R`.
    ///
    /// # Errors
    /// When the order does not exist.
    pub fn set_approval(&mut self, company: &str, order: i64, status: &str) -> Done {
        let header = self.order(company, order)?;
        let mut fields = json!({ "ApprovalStatus": status, "Approve": status == "A" });
        if status == "A" {
            fields["ApprovedAmount"] = header["DocTotalOrder"].clone();
            fields["ApprovedBy"] = "boss".into();
        }
        self.edit_order(company, order, &fields)
    }

    /// Makes the header's totals those of the lines that are not void, of freight and of tax.
    fn retotal_order(&mut self, company: &str, order: i64) -> Done {
        let header = self.order(company, order)?;
        let mut lines = self.order_lines(company, order)?;
        lines.retain(|line| !flag(line, "VoidLine"));
        let (charges, doc) = (sum(&lines, "ExtCost"), sum(&lines, "DocExtCost"));
        let of = |column: &str| Amount::of(header.get(column));
        let totals = json!({
            "TotalCharges": charges.text(2), "DocTotalCharges": doc.text(2),
            "TotalOrder": (charges + of("TotalTax") + of("TotalMiscCharges")).text(2),
            "DocTotalOrder": (doc + of("DocTotalTax") + of("DocTotalMisc")).text(2),
        });
        self.amend(company, "POHeader", &order.into(), &totals)
    }
}
