//! A believable company: suppliers, customers, their people, and rows that are wrong the way real
//! rows are wrong.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    keys::{key_json, key_of},
    schema,
    store::Store,
};

/// What to seed. Absent fields have the defaults below.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedCompany {
    /// Company code; the first one served when absent.
    pub company: Option<String>,
    /// Vendors, 0 by default.
    pub vendors: usize,
    /// Customers (`CustomerType` `CUS`), 0 by default.
    pub customers: usize,
    /// Further customers that are prospects (`PRO`), 0 by default.
    pub prospects: usize,
    /// Whether vendors and customers have contacts.
    pub contacts: bool,
    /// Whether some rows are broken.
    pub broken: bool,
    /// Rows of each way of being broken, 2 by default.
    pub broken_each: usize,
    /// The same seed gives the same company.
    pub seed: u64,
}

impl Default for SeedCompany {
    fn default() -> Self {
        Self {
            company: None,
            vendors: 0,
            customers: 0,
            prospects: 0,
            contacts: false,
            broken: false,
            broken_each: 2,
            seed: 1,
        }
    }
}

/// A row that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Broken {
    /// Company it lives in.
    pub company: String,
    /// Table it lives in.
    pub table: String,
    /// Its key: the only part, or an array in key order.
    pub key: Value,
    /// `name_empty`, `name_too_long`, `email_malformed` (a target that checks values refuses these),
    /// `id_blank`, `control_characters`, `phone_rubbish`, `email_shared`, `served_twice` (odd, but usable).
    pub reason: &'static str,
    /// Whether a target that checks values refuses the row.
    pub refused: bool,
    #[serde(skip)]
    repair: Value,
}

/// What was seeded.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seeded {
    /// Company code.
    pub company: String,
    /// Vendors added.
    pub vendors: usize,
    /// Customers added, without prospects.
    pub customers: usize,
    /// Prospects added.
    pub prospects: usize,
    /// Contacts of vendors.
    pub vendor_contacts: usize,
    /// Those with an e-mail address.
    pub vendor_contacts_with_email: usize,
    /// Contacts of customers and prospects.
    pub customer_contacts: usize,
    /// Those with an e-mail address.
    pub customer_contacts_with_email: usize,
    /// The broken rows.
    pub broken: Vec<Broken>,
}

const FIRST: &[&str] = &[
    "Nordic",
    "Harbor",
    "Lakeside",
    "Summit",
    "Ironwood",
    "Prairie",
    "Cascade",
    "Granite",
    "Blue Ridge",
    "Redwood",
    "Great Lakes",
    "Twin City",
    "Pioneer",
    "Keystone",
    "Evergreen",
    "Atlas",
    "Beacon",
    "Copper State",
    "Delta",
    "Eagle",
    "Frontier",
    "Gulf Coast",
    "Heartland",
    "Interstate",
    "Juniper",
    "Kodiak",
    "Liberty",
    "Midland",
    "Northern",
    "Old Mill",
];
const TRADE: &[&str] = &[
    "Bolt",
    "Fastener",
    "Bearing",
    "Steel",
    "Tool",
    "Valve",
    "Packaging",
    "Hydraulics",
    "Abrasives",
    "Electric",
    "Plastics",
    "Coatings",
    "Castings",
    "Gasket",
    "Spring",
    "Wire",
    "Pump",
    "Safety",
    "Welding",
    "Conveyor",
];
const KIND: &[&str] =
    &["Supply", "Works", "Industries", "Distributing", "Products", "Manufacturing", "Partners", "Systems"];
const FORM: &[&str] = &["Inc", "LLC", "Co", "Corp", "Ltd", "& Sons"];
const PLACES: &[(&str, &str, &str)] = &[
    ("Duluth", "MN", "55802"),
    ("Tacoma", "WA", "98402"),
    ("Toledo", "OH", "43604"),
    ("Rockford", "IL", "61101"),
    ("Erie", "PA", "16501"),
    ("Boise", "ID", "83702"),
    ("Tulsa", "OK", "74103"),
    ("Mobile", "AL", "36602"),
    ("Akron", "OH", "44308"),
    ("Fargo", "ND", "58102"),
    ("Macon", "GA", "31201"),
    ("Provo", "UT", "84601"),
];
const GIVEN: &[&str] = &[
    "Anna", "Ben", "Carla", "Dmitri", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jamal", "Karin", "Luis", "Mei",
    "Noah", "Olga", "Priya", "Quentin", "Rosa", "Sven", "Tara",
];
const FAMILY: &[&str] = &[
    "Anderson", "Brown", "Castillo", "Dunn", "Eriksson", "Fischer", "Garcia", "Hansen", "Ibrahim", "Jones", "Kowalski",
    "Lopez", "Miller", "Nguyen", "O'Brien", "Patel", "Quinn", "Rossi", "Schmidt", "Turner",
];

/// Row (table and key), change, reason, and whether a target refuses it.
type Damage = (Option<(&'static str, Value)>, Value, &'static str, bool);

struct Firm {
    name: String,
    slug: String,
    fields: Map<String, Value>,
}

fn pick<'a, T>(list: &'a [T], rng: &mut StdRng) -> &'a T {
    &list[rng.random_range(0..list.len())]
}

fn phone(rng: &mut StdRng) -> String {
    format!("{}-555-{:04}", rng.random_range(201..990), rng.random_range(100..9_999))
}

fn firm(number: usize, side: &str, zip: &str, rng: &mut StdRng) -> Firm {
    let first = FIRST[number % FIRST.len()];
    let trade = TRADE[number / FIRST.len() % TRADE.len()];
    let name = format!("{first} {trade} {} {}", pick(KIND, rng), pick(FORM, rng));
    let slug = format!("{}{}{number}", first.replace(' ', "").to_lowercase(), trade.to_lowercase());
    let place = pick(PLACES, rng);
    let Value::Object(mut fields) = json!({
        "Name": name, "Address1": format!("{} {} St", rng.random_range(1..9_999), pick(FAMILY, rng)),
        "City": place.0, "State": place.1, "Country": "United States", "CountryNum": 1,
        "PhoneNum": phone(rng), "TermsCode": pick(&["N30", "N45", "N60", "2N10"], rng),
        "CurrencyCode": if rng.random_ratio(1, 12) { "EUR" } else { "USD" },
        "EMailAddress": format!("{side}@{slug}.example"), "Inactive": rng.random_ratio(1, 40),
        "Region_c": pick(&["North", "South", "West"], rng),
    }) else {
        unreachable!("the literal above is an object")
    };
    fields.insert(zip.into(), place.2.into());
    Firm { name, slug, fields }
}

impl Store {
    /// Seeds a believable company; numbers go on after those that are there.
    ///
    /// # Errors
    /// When the company does not exist.
    pub fn seed_company(&mut self, order: &SeedCompany) -> Result<Seeded, String> {
        let company = order.company.clone().unwrap_or_else(|| self.default_company());
        let mut rng = StdRng::seed_from_u64(order.seed);
        let mut seeded = Seeded { company: company.clone(), ..Seeded::default() };
        let mut vendors = Vec::new();
        let mut customers = Vec::new();
        let mut people: Vec<(&'static str, Value)> = Vec::new();
        for number in self.len(&company, "Vendor")..self.len(&company, "Vendor") + order.vendors {
            let Firm { name, slug, mut fields } = firm(number, "ap", "ZIP", &mut rng);
            fields.insert("VendorID".into(), code(&slug).into());
            fields.insert("LegalName".into(), name.into());
            fields.insert("VendURL".into(), format!("{slug}.example").into());
            fields.insert("GroupCode".into(), (*pick(&["RAW", "MRO", "SVC"], &mut rng)).into());
            fields.insert("Approved".into(), true.into());
            fields.insert("MinOrderValue".into(), format!("{}.50", rng.random_range(0..500)).into());
            let key = self.insert(&company, "Vendor", &Value::Object(fields))?;
            if order.contacts {
                let parent = [("VendorNum", &key), ("PurPoint", &json!(""))];
                let keys = self.people(&company, "VendCntMain", &parent, "EmailAddress", &slug, &mut rng)?;
                seeded.vendor_contacts += keys.0;
                seeded.vendor_contacts_with_email += keys.1.len();
                people.extend(keys.1.into_iter().map(|key| ("VendCntMain", key)));
            }
            vendors.push(key);
        }
        let start = self.len(&company, "Customer");
        for number in start..start + order.customers + order.prospects {
            let Firm { name, slug, mut fields } = firm(number + 7, "buyer", "Zip", &mut rng);
            let is_customer = number < start + order.customers;
            let kind = if is_customer { "CUS" } else { "PRO" };
            fields.insert("CustID".into(), code(&slug).into());
            fields.insert("CustURL".into(), format!("https://{slug}.example").into());
            fields.insert("CustomerType".into(), kind.into());
            fields.insert("LegalName".into(), name.into());
            fields.insert("TerritoryID".into(), (*pick(&["WEST", "EAST", "MID"], &mut rng)).into());
            fields.insert("CreditLimit".into(), format!("{}.00", rng.random_range(1..200) * 500).into());
            fields.insert("EstDate".into(), format!("20{:02}-03-01T00:00:00", rng.random_range(5..25)).into());
            let key = self.insert(&company, "Customer", &Value::Object(fields))?;
            if order.contacts {
                let parent = [("CustNum", &key), ("ShipToNum", &json!(""))];
                let keys = self.people(&company, "CustCnt", &parent, "EMailAddress", &slug, &mut rng)?;
                seeded.customer_contacts += keys.0;
                seeded.customer_contacts_with_email += keys.1.len();
                people.extend(keys.1.into_iter().map(|key| ("CustCnt", key)));
            }
            if is_customer {
                customers.push(key);
            }
        }
        seeded.vendors = vendors.len();
        seeded.customers = customers.len();
        seeded.prospects = order.prospects;
        if order.broken {
            let from = self.broken.len();
            vendors.shuffle(&mut rng);
            customers.shuffle(&mut rng);
            people.shuffle(&mut rng);
            self.break_rows(&company, order.broken_each, vendors, customers, people)?;
            seeded.broken = self.broken[from..].to_vec();
        }
        Ok(seeded)
    }

    /// Adds up to two people; returns how many, and the keys of those with an e-mail address.
    fn people(
        &mut self,
        company: &str,
        table: &'static str,
        parent: &[(&str, &Value)],
        email: &str,
        slug: &str,
        rng: &mut StdRng,
    ) -> Result<(usize, Vec<Value>), String> {
        let count = *pick(&[0, 1, 1, 1, 2], rng);
        let mut with_email = Vec::new();
        for number in 1..=count {
            let (given, family) = (*pick(GIVEN, rng), *pick(FAMILY, rng));
            let mut fields = Map::new();
            for (name, value) in parent {
                fields.insert((*name).into(), (*value).clone());
            }
            fields.insert("ConNum".into(), number.into());
            fields.insert("Name".into(), format!("{given} {family}").into());
            fields.insert("FirstName".into(), given.into());
            fields.insert("LastName".into(), family.into());
            fields.insert("PhoneNum".into(), phone(rng).into());
            fields.insert("ContactTitle".into(), (*pick(&["Buyer", "Sales", "Accounts", "Owner"], rng)).into());
            let has_email = rng.random_ratio(9, 10);
            if has_email {
                let local = format!("{given}.{}{number}", family.replace('\'', "")).to_lowercase();
                fields.insert(email.into(), format!("{local}@{slug}.example").into());
            }
            let key = self.insert(company, table, &Value::Object(fields))?;
            if has_email {
                with_email.push(key);
            }
        }
        Ok((count, with_email))
    }

    fn break_rows(
        &mut self,
        company: &str,
        each: usize,
        vendors: Vec<Value>,
        customers: Vec<Value>,
        people: Vec<(&'static str, Value)>,
    ) -> Result<(), String> {
        let firms =
            |list: Vec<Value>, table: &'static str| list.into_iter().map(move |key| (table, key)).collect::<Vec<_>>();
        let mut vendors = firms(vendors, "Vendor").into_iter();
        let mut customers = firms(customers, "Customer").into_iter();
        let (mut supplier_people, mut people): (Vec<_>, Vec<_>) =
            people.into_iter().partition(|(table, _)| *table == "VendCntMain");
        let shared_email = "office@shared-services.example";
        let email = |table: &str| if table == "CustCnt" { "EMailAddress" } else { "EmailAddress" };
        for round in 0..each {
            let mut plan: Vec<Damage> = vec![
                (vendors.next(), json!({ "Name": "" }), "name_empty", true),
                (customers.next(), json!({ "Name": " " }), "name_empty", true),
                (vendors.next(), json!({ "Name": "Overlong ".repeat(7_400) }), "name_too_long", true),
                (vendors.next(), json!({ "VendorID": "" }), "id_blank", false),
                (
                    customers.next(),
                    json!({ "Name": "Tab\tand\u{0007}bell\u{0001} Co", "City": "Line\r\nbreak" }),
                    "control_characters",
                    false,
                ),
                (customers.next(), json!({ "PhoneNum": "call Bob, ext ??" }), "phone_rubbish", false),
                (vendors.next(), Value::Null, "served_twice", false),
            ];
            let malformed = ["not-an-email", "two@@signs.example", "a.b@", "name with space@x.example"];
            for people in [&mut supplier_people, &mut people] {
                if let Some((table, key)) = people.pop() {
                    let change = json!({ email(table): malformed[round % malformed.len()] });
                    plan.push((Some((table, key)), change, "email_malformed", true));
                }
            }
            if let Some((table, key)) = people.pop() {
                plan.push((Some((table, key)), json!({ email(table): shared_email }), "email_shared", false));
            }
            for (row, change, reason, refused) in plan {
                if let Some((table, key)) = row {
                    self.break_row(company, table, key, &change, reason, refused)?;
                }
            }
        }
        Ok(())
    }

    fn break_row(
        &mut self,
        company: &str,
        table: &str,
        key: Value,
        change: &Value,
        reason: &'static str,
        refused: bool,
    ) -> Result<(), String> {
        let before = self.row(company, table, &key).unwrap_or_default();
        let repair = match change {
            Value::Object(change) => change
                .keys()
                .map(|name| (name.clone(), before.get(name).cloned().unwrap_or(json!(""))))
                .collect::<Map<_, _>>()
                .into(),
            _ => Value::Null,
        };
        if change.is_null() {
            self.serve_twice(company, table, &key, true)?;
        } else {
            self.update(company, table, &key, change)?;
        }
        self.broken.push(Broken { company: company.into(), table: table.into(), key, reason, refused, repair });
        Ok(())
    }

    /// Repairs all broken rows, as a person in accounting would; returns the rows repaired.
    pub fn fix_broken(&mut self) -> Vec<Broken> {
        let broken = std::mem::take(&mut self.broken);
        for row in &broken {
            // A row deleted meanwhile needs no repair.
            let _ = if row.repair.is_null() {
                self.serve_twice(&row.company, &row.table, &row.key, false)
            } else {
                self.update(&row.company, &row.table, &row.key, &row.repair)
            };
        }
        broken
    }

    /// Changes the phone number, or else the comment, of `rows` different rows that are not broken; returns their keys.
    ///
    /// # Errors
    /// When company or table do not exist.
    pub fn touch(&mut self, company: &str, table: &str, rows: usize, seed: u64) -> Result<Vec<Value>, String> {
        let (company_at, at) = self.place(company, table)?;
        let table = schema::tables()[at].name;
        let broken: Vec<&Value> =
            self.broken.iter().filter(|row| row.table == table && row.company == company).map(|row| &row.key).collect();
        let mut keys: Vec<Value> = self.companies[company_at].tables[at]
            .by_key
            .keys()
            .map(|key| key_json(key))
            .filter(|key| !broken.contains(&key))
            .collect();
        let mut rng = StdRng::seed_from_u64(seed ^ self.max_rev().unsigned_abs());
        let (chosen, _) = keys.partial_shuffle(&mut rng, rows);
        let chosen = chosen.to_vec();
        let columns = ["PhoneNum", "CommentText", "InvoiceComment", "AccountDesc"];
        let column = columns.iter().find(|name| schema::tables()[at].column(name).is_some()).unwrap_or(&columns[0]);
        for key in &chosen {
            let fields =
                json!({ *column: format!("{}-556-{:04}", rng.random_range(201..990), rng.random_range(0..9_999)) });
            self.update(company, table, key, &fields)?;
        }
        Ok(chosen)
    }

    /// Adds a row, or changes it when its key is taken; returns the key.
    ///
    /// # Errors
    /// As [`Store::insert`].
    pub fn put(&mut self, company: &str, table: &str, fields: &Value) -> Result<Value, String> {
        let (company_at, at) = self.place(company, table)?;
        if let Ok(key) = key_of(&schema::tables()[at], fields)
            && self.companies[company_at].tables[at].by_key.contains_key(&key)
        {
            self.update(company, table, fields, fields)?;
            return Ok(key_json(&key));
        }
        self.insert(company, table, fields)
    }
}

/// A human code of at most ten letters that still tells firms apart.
fn code(slug: &str) -> String {
    let digits = slug.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let letters = 10_usize.saturating_sub(digits.len()).max(3);
    format!("{}{digits}", slug.chars().take(letters.min(slug.len() - digits.len())).collect::<String>()).to_uppercase()
}
