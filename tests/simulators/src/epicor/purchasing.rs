//! A believable purchasing history: accounts, orders, groups and supplier invoices that add up to the cent.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    money::Amount,
    rules::{expense_tree, gl_row},
    seed::SeedCompany,
    store::Store,
    value::KeyPart,
};

/// What to seed. Absent fields have the defaults below.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedPurchasing {
    /// Company code; the first one served when absent.
    pub company: Option<String>,
    /// Purchase orders, 0 by default.
    pub pos: usize,
    /// Supplier invoices, 0 by default.
    pub invoices: usize,
    /// Vendors seeded first when the company has none.
    pub vendors: usize,
    /// The same seed gives the same rows.
    pub seed: u64,
}

impl Default for SeedPurchasing {
    fn default() -> Self {
        Self { company: None, pos: 0, invoices: 0, vendors: 40, seed: 1 }
    }
}

/// What was seeded. Invoices are named as `[VendorNum, InvoiceNum]`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SeededPurchasing {
    /// Numbers of all orders.
    pub orders: Vec<i64>,
    /// Those that are approved and not void.
    pub approved: Vec<i64>,
    /// Those that are void.
    pub void: Vec<i64>,
    /// All invoices.
    pub invoices: Vec<Value>,
    /// Those that are not posted.
    pub unposted: Vec<Value>,
    /// Debit memos, with negative amounts.
    pub debit_memos: Vec<Value>,
    /// Invoices for lines of more than one order.
    pub spanning: Vec<Value>,
    /// Invoices for a part of what their order still had to be invoiced.
    pub partial: Vec<Value>,
    /// Invoices with a price that differs from their order's.
    pub price_differs: Vec<Value>,
    /// Sum of `DocTotalOrder` in cents, over all orders and currencies.
    pub doc_total_order_cents: i64,
}

struct Line {
    release: [i64; 3],
    part: String,
    text: String,
    cost_per: &'static str,
    price: Amount,
    account: String,
    ordered: i64,
    open: i64,
}

struct Order {
    number: i64,
    vendor: i64,
    currency: String,
    rate: Amount,
    lines: Vec<Line>,
}

const NATURAL: &[(&str, &str)] = &[
    ("6100", "Shop supplies"),
    ("6210", "Tooling"),
    ("6300", "Packaging"),
    ("6450", "Maintenance"),
    ("1300", "Raw material"),
    ("6900", "Unallocated purchases"),
];
const DIVISIONS: &[&str] = &["00", "10", "20"];
const DEPARTMENTS: &[&str] = &["000", "100", "200"];
const GOODS: &[(&str, &str, &str)] = &[
    ("HX-M8-40", "Hex bolt M8x40", "C"),
    ("WS-M8", "Washer M8", "M"),
    ("BRG-6204", "Ball bearing 6204", "E"),
    ("GL-NIT-L", "Nitrile gloves L", "C"),
    ("DR-HSS-5", "Drill HSS 5 mm", "E"),
    ("BX-400", "Carton 400x300", "C"),
    ("RV-4", "Blind rivet 4 mm", "M"),
    ("OIL-46", "Hydraulic oil ISO 46", "E"),
];

/// The text of an account, after its natural segment.
pub(crate) fn describe(account: &str) -> String {
    let natural = account.split('|').next().unwrap_or_default();
    NATURAL.iter().find(|(code, _)| *code == natural).map_or("Expense", |(_, text)| text).to_owned()
}

fn pick<'a, T>(list: &'a [T], rng: &mut StdRng) -> &'a T {
    &list[rng.random_range(0..list.len())]
}

fn day(number: i64) -> String {
    let start = chrono::NaiveDate::from_ymd_opt(2026, 1, 5).unwrap_or_default();
    (start + chrono::TimeDelta::days(number)).format("%Y-%m-%dT00:00:00").to_string()
}

fn sum(rows: &[Value], column: &str) -> Amount {
    rows.iter().map(|row| Amount::of(row.get(column))).sum()
}

impl Store {
    /// Seeds GL accounts, invoice groups, purchase orders and supplier invoices; seeds vendors first when
    /// there are none.
    ///
    /// # Errors
    /// When the company does not exist.
    pub fn seed_purchasing(&mut self, order: &SeedPurchasing) -> Result<SeededPurchasing, String> {
        let company = order.company.clone().unwrap_or_else(|| self.default_company());
        let mut rng = StdRng::seed_from_u64(order.seed);
        if self.len(&company, "Vendor") == 0 {
            let firms = SeedCompany {
                company: Some(company.clone()),
                vendors: order.vendors.max(1),
                contacts: true,
                seed: order.seed,
                ..SeedCompany::default()
            };
            self.seed_company(&firms)?;
        }
        self.seed_accounts(&company)?;
        for (group, holder) in [("APR26", ""), ("MLC0001", ""), ("CLERK", "apclerk")] {
            self.put(
                &company,
                "APInvGrp",
                &json!({
                    "GroupID": group, "ActiveUserID": holder, "CreatedBy": "apclerk", "ApplyDate": day(100),
                    "FiscalYear": 2026, "FiscalPeriod": 4, "LockStatus": if holder.is_empty() { "" } else { "Locked" },
                }),
            )?;
        }
        let vendors: Vec<Value> =
            self.rows(&company, "Vendor").into_iter().filter(|vendor| vendor["Inactive"] != true).collect();
        if vendors.is_empty() {
            return Err("every vendor is inactive".into());
        }
        let mut seeded = SeededPurchasing::default();
        let first = self.rows(&company, "POHeader").last().and_then(|row| row["PONum"].as_i64()).unwrap_or(50_000) + 1;
        let mut orders = Vec::new();
        for number in (first..).take(order.pos) {
            // Few vendors get many orders, so that invoices can span several.
            let vendor = pick(&vendors[..vendors.len().min(order.pos / 4 + 1)], &mut rng);
            if let Some(known) = self.seed_order(&company, number, vendor, &mut seeded, &mut rng)? {
                orders.push(known);
            }
        }
        self.seed_invoices(&company, order.invoices, &mut orders, &mut seeded, &mut rng)?;
        Ok(seeded)
    }

    fn seed_accounts(&mut self, company: &str) -> Result<(), String> {
        for (natural, text) in NATURAL {
            for (division, department) in DIVISIONS.iter().flat_map(|d| DEPARTMENTS.iter().map(move |e| (d, e))) {
                for chart in ["MAINCOA", "IFRSCOA"] {
                    let shown = format!("{natural}-{division}-{department}");
                    self.put(company, "GLAccount", &json!({
                        "COACode": chart, "GLAccount1": shown.replace('-', "|"), "AccountDesc": text, "Active": true,
                        "SegValue1": natural, "SegValue2": division, "SegValue3": department,
                        "GLAcctDispGLAcctDisp": shown, "GLAcctDispGLShortAcct": natural, "EffFrom": day(0),
                    }))?;
                }
            }
        }
        Ok(())
    }

    /// Adds one order; returns it when invoices may follow.
    fn seed_order(
        &mut self,
        company: &str,
        number: i64,
        vendor: &Value,
        seeded: &mut SeededPurchasing,
        rng: &mut StdRng,
    ) -> Result<Option<Order>, String> {
        let currency = vendor["CurrencyCode"].as_str().unwrap_or("USD").to_owned();
        let rate = if currency == "USD" {
            Amount::whole(1)
        } else {
            Amount::parse(&format!("1.{:04}", rng.random_range(200..1_500))).unwrap_or_default()
        };
        let is_void = rng.random_ratio(1, 30);
        let status = *pick(&["A", "A", "A", "A", "A", "A", "A", "A", "U", "P"], rng);
        let start = rng.random_range(0..90);
        let (mut details, mut lines) = (Vec::new(), Vec::new());
        for line in 1..=rng.random_range(1..=5_i64) {
            let (part, text, cost_per) = *pick(GOODS, rng);
            let cost_per = if rng.random_ratio(1, 10) { "E" } else { cost_per };
            let price = Amount::from_cents(rng.random_range(15..9_000));
            let releases = *pick(&[1, 1, 1, 2, 3], rng);
            let line_void = is_void || rng.random_ratio(1, 40);
            let (mut quantity, mut rels) = (0, Vec::new());
            for release in 1..=releases {
                let part_of = rng.random_range(1..=60_i64) * if cost_per == "E" { 1 } else { 25 };
                quantity += part_of;
                let account = format!("{}|{}|{}", pick(NATURAL, rng).0, pick(DIVISIONS, rng), pick(DEPARTMENTS, rng));
                let nothing = json!({ "ExpAmt": "0.00" });
                let mut books = vec![gl_row(&account, "MAIN", "MAINCOA", 1, &nothing)];
                if rng.random_ratio(1, 4) {
                    books.insert(0, gl_row(&account, "IFRS", "IFRSCOA", 2, &nothing));
                }
                rels.push(json!({
                    "PORelNum": release, "RelQty": part_of, "XRelQty": part_of, "OpenRelease": !line_void,
                    "VoidRelease": line_void, "Status": if line_void { "V" } else { "O" }, "Plant": "MfgSys",
                    "WarehouseCode": "MAIN", "TranType": "PUR-UKN", "DueDate": day(start + 14 * release),
                    "PromiseDt": day(start + 14 * release), "PORelTGLCs": books,
                }));
                if !line_void {
                    lines.push(Line {
                        release: [number, line, release],
                        part: part.into(),
                        text: text.into(),
                        cost_per,
                        price,
                        account,
                        ordered: part_of,
                        open: part_of,
                    });
                }
            }
            let base = price.at(rate).rounded_to(5);
            let all = Amount::whole(quantity);
            details.push(json!({
                "POLine": line, "OpenLine": !line_void, "VoidLine": line_void, "PartNum": part, "LineDesc": text,
                "VenPartNum": format!("V-{part}"), "IUM": "EA", "PUM": "EA", "OrderQty": quantity, "XOrderQty": quantity,
                "CalcOurQty": quantity, "CalcVendQty": quantity, "CostPerCode": cost_per, "UnitCost": base.text(5),
                "DocUnitCost": price.text(5), "ExtCost": Amount::extended(all, base, cost_per).text(2),
                "DocExtCost": Amount::extended(all, price, cost_per).text(2), "DueDate": day(start + 14),
                "ClassID": "MRO", "CurrencyCode": currency, "VendorNum": vendor["VendorNum"], "PORels": rels,
            }));
        }
        let counted: Vec<Value> = details.iter().filter(|line| line["VoidLine"] == false).cloned().collect();
        let freight =
            if rng.random_ratio(1, 5) { Amount::from_cents(rng.random_range(500..9_500)) } else { Amount::ZERO };
        let base_freight = freight.at(rate).rounded_to(2);
        let (charges, doc_charges) = (sum(&counted, "ExtCost"), sum(&counted, "DocExtCost"));
        let has_tax = rng.random_ratio(1, 8);
        let tax = |net: Amount| if has_tax { net.at(Amount::from_cents(8)).rounded_to(2) } else { Amount::ZERO };
        let (tax, doc_tax) = (tax(charges), tax(doc_charges));
        let doc_total = doc_charges + doc_tax + freight;
        let miscs = if freight.is_positive() {
            json!([{ "POLine": 0, "SeqNum": 1, "MiscCode": "FRT", "Description": "Freight", "Type": "A",
                "MiscAmt": base_freight.text(2), "DocMiscAmt": freight.text(2), "CurrencyCode": currency }])
        } else {
            json!([])
        };
        let approved = status == "A";
        let mut header = json!({
            "PONum": number, "OpenOrder": !is_void, "VoidOrder": is_void, "Approve": approved, "ApprovalStatus": status,
            "OrderDate": day(start), "DueDate": day(start + 14), "PromiseDate": day(start + 14), "BuyerID": "BUY1",
            "EntryPerson": "buy1", "BuyerIDName": "Bea Buyer", "VendorNum": vendor["VendorNum"], "ShipViaCode": "BEST",
            "FOB": "ORIG", "ShipName": format!("{company} Distributing"), "ShipAddress1": "1 Dock St", "ShipCity": "Duluth",
            "ShipState": "MN", "ShipZIP": "55802", "ShipCountry": "United States", "ShipCountryNum": 1, "POType": "STD",
            "CurrencyCode": currency, "BaseCurrencyID": "USD", "ExchangeRate": rate.text(6), "TotalCharges": charges.text(2),
            "DocTotalCharges": doc_charges.text(2), "TotalMiscCharges": base_freight.text(2), "DocTotalMisc": freight.text(2),
            "TotalTax": tax.text(2), "DocTotalTax": doc_tax.text(2), "TotalOrder": (charges + tax + base_freight).text(2),
            "DocTotalOrder": doc_total.text(2), "HasLines": true, "PODetails": details, "POHeadMiscs": miscs,
            "TermsCode": vendor["TermsCode"], "VendorVendorID": vendor["VendorID"], "VendorName": vendor["Name"],
        });
        for (shown, column) in [
            ("VendorAddress1", "Address1"),
            ("VendorCity", "City"),
            ("VendorState", "State"),
            ("VendorZIP", "ZIP"),
            ("VendorCountry", "Country"),
            ("VendorCntEmailAddress", "EMailAddress"),
        ] {
            header[shown] = vendor[column].clone();
        }
        if approved {
            header["ApprovedAmount"] = doc_total.text(2).into();
            header["ApprovedDate"] = day(start).into();
            header["ApprovedBy"] = "boss".into();
        }
        self.insert_tree(company, "POHeader", &header)?;
        seeded.orders.push(number);
        seeded.doc_total_order_cents += doc_total.text(2).replace('.', "").parse::<i64>().unwrap_or_default();
        if is_void {
            seeded.void.push(number);
        } else if approved {
            seeded.approved.push(number);
            let vendor = vendor["VendorNum"].as_i64().unwrap_or_default();
            return Ok(Some(Order { number, vendor, currency, rate, lines }));
        }
        Ok(None)
    }

    fn seed_invoices(
        &mut self,
        company: &str,
        count: usize,
        orders: &mut [Order],
        seeded: &mut SeededPurchasing,
        rng: &mut StdRng,
    ) -> Result<(), String> {
        let mut next = 0;
        for number in 0..count {
            if orders.is_empty() {
                return Err("no approved orders to invoice".into());
            }
            let at = (next..next + orders.len())
                .map(|at| at % orders.len())
                .find(|at| orders[*at].lines.iter().any(|line| line.open > 0));
            // With everything invoiced only debit memos are left to write.
            let is_debit = at.is_none() || number % 16 == 15;
            let at = at.unwrap_or(number % orders.len());
            next = at + 1;
            let mut chosen = vec![at];
            if !is_debit && number % 6 == 3 {
                chosen.extend((0..orders.len()).find(|other| {
                    *other != at
                        && orders[*other].vendor == orders[at].vendor
                        && orders[*other].rate == orders[at].rate
                        && orders[*other].lines.iter().any(|line| line.open > 0)
                }));
            }
            let is_partial = !is_debit && chosen.len() == 1 && rng.random_ratio(1, 3);
            let differs = !is_debit && rng.random_ratio(1, 12);
            let mut lines = Vec::new();
            for index in chosen.iter().copied() {
                let order = &mut orders[index];
                for line in &mut order.lines {
                    let quantity = match (is_debit, is_partial) {
                        (true, _) if lines.is_empty() => -1.max(-line.ordered),
                        (false, true) => (line.open + 1) / 2,
                        (false, false) => line.open,
                        _ => 0,
                    };
                    if quantity != 0 {
                        line.open -= quantity.max(0);
                        let extra = if differs { Amount::from_cents(rng.random_range(1..40)) } else { Amount::ZERO };
                        lines.push(invoice_line(line, order.rate, quantity, extra, lines.len() + 1));
                    }
                }
            }
            let order = &orders[at];
            let id = format!("INV/{}-{number:04}", 2026);
            if is_partial && orders[at].lines.iter().any(|line| line.open > 0) {
                seeded.partial.push(json!([order.vendor, id]));
            }
            let posted = number % 8 != 5;
            let facts = [
                (!posted, &mut seeded.unposted),
                (is_debit, &mut seeded.debit_memos),
                (chosen.len() > 1, &mut seeded.spanning),
                (differs, &mut seeded.price_differs),
                (true, &mut seeded.invoices),
            ];
            for (is_so, list) in facts {
                if is_so {
                    list.push(json!([order.vendor, id]));
                }
            }
            self.seed_invoice(company, order, &id, posted, is_debit, number, lines)?;
        }
        for line in orders.iter().flat_map(|order| &order.lines) {
            let invoiced = line.ordered - line.open;
            if invoiced > 0 {
                let fields = json!({ "InvoicedQty": invoiced, "ReceivedQty": invoiced });
                self.update(company, "PORel", &json!(line.release), &fields)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one invoice, used once")]
    fn seed_invoice(
        &mut self,
        company: &str,
        order: &Order,
        id: &str,
        posted: bool,
        is_debit: bool,
        number: usize,
        mut lines: Vec<Value>,
    ) -> Result<(), String> {
        let (base, doc) = (sum(&lines, "ExtCost"), sum(&lines, "DocExtCost"));
        for (line, at) in lines.iter_mut().zip(1_i64..) {
            let amounts = json!({ "ExpAmt": line["ExtCost"], "DocExpAmt": line["DocExtCost"] });
            let key = [KeyPart::Int(order.vendor), KeyPart::Text(id.into()), KeyPart::Int(at), KeyPart::Int(1)];
            let account = line["GLAccount"].as_str().unwrap_or_default().to_owned();
            line["APInvExps"] = json!([expense_tree(&key, &amounts, &account, at % 3 == 0)]);
        }
        let vendor = self.row(company, "Vendor", &order.vendor.into()).unwrap_or_default();
        let date = day(40 + i64::try_from(number).unwrap_or_default() % 70);
        self.insert_tree(
            company,
            "APInvHed",
            &json!({
                "VendorNum": order.vendor, "InvoiceNum": id, "GroupID": if posted { "APR26" } else { "CLERK" },
                "Posted": posted, "OpenPayable": true, "DebitMemo": is_debit, "InvoiceDate": date, "ApplyDate": date,
                "DueDate": date, "TermsCode": vendor["TermsCode"], "Description": "Goods",
                "REFPONum": if number.is_multiple_of(3) { 0 } else { order.number }, "CurrencyCode": order.currency,
                "ExchangeRate": order.rate.text(6), "InvoiceAmt": base.text(2), "DocInvoiceAmt": doc.text(2),
                "InvoiceVendorAmt": base.text(2), "DocInvoiceVendorAmt": doc.text(2), "InvoiceBal": base.text(2),
                "DocInvoiceBal": doc.text(2), "FiscalYear": 2026, "FiscalPeriod": 4, "EntryPerson": "apclerk",
                "VendorNumVendorID": vendor["VendorID"], "VendorNumName": vendor["Name"], "APInvDtls": lines,
            }),
        )?;
        Ok(())
    }
}

fn invoice_line(line: &Line, rate: Amount, quantity: i64, extra: Amount, number: usize) -> Value {
    let price = line.price + extra;
    let base = price.at(rate).rounded_to(5);
    let amount = |price| Amount::extended(Amount::whole(quantity), price, line.cost_per).text(2);
    let [order, order_line, release] = line.release;
    json!({
        "InvoiceLine": number, "LineType": if number.is_multiple_of(4) { "U" } else { "R" }, "PONum": order, "POLine": order_line,
        "PORelNum": release, "PackSlip": format!("PS{order}"), "PackLine": number, "PartNum": line.part,
        "Description": line.text, "VendorQty": quantity, "OurQty": quantity, "PUM": "EA", "IUM": "EA",
        "CostPerCode": line.cost_per, "UnitCost": base.text(5), "DocUnitCost": price.text(5), "ExtCost": amount(base),
        "DocExtCost": amount(price), "GLAccount": line.account,
    })
}
