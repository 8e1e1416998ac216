//! Customers, customer groups, companies, inventory sources.

use serde_json::{Value, json};

use super::{
    addresses::is_email,
    answers::{Answer, Handled, Step, refusal},
    columns::{self, same_text},
    criteria::Criteria,
    schema::Row,
    search,
    shop::Shop,
};

/// What a company must have, by the documentation.
const COMPANY_NEEDS: [&str; 9] = [
    "company_name",
    "company_email",
    "street",
    "city",
    "country_id",
    "postcode",
    "telephone",
    "super_user_id",
    "customer_group_id",
];

fn id_of(row: &Row) -> Option<u64> {
    row.get("id").and_then(Value::as_u64)
}

fn missing(row: &Row, names: &[&str]) -> Vec<String> {
    let empty = |value: &Value| match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Null => true,
        _ => false,
    };
    names.iter().filter(|name| row.get(**name).is_none_or(empty)).map(|name| (*name).to_owned()).collect()
}

/// A row without the columns that only searches know.
fn shown(row: &Row, hidden: &[&str]) -> Value {
    let mut shown = row.clone();
    shown.retain(|name, _| !hidden.contains(&name.as_str()));
    Value::Object(shown)
}

impl Shop {
    fn taken(&self, body: &Row, wrapper: &str) -> Step<Row> {
        match body.get(wrapper) {
            Some(value) => self.strictness().object(wrapper, value),
            None => Answer::missing(wrapper).refuse(),
        }
    }

    pub(super) fn search_customers(&self, criteria: Criteria) -> Handled {
        let rows = self.tables.customers.iter().map(|(id, row)| (*id, row));
        let page = search::select("customer", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|id| self.tables.customers.get(id));
        Ok(page.answer(items.map(|row| shown(row, &["entity_id"])).collect()))
    }

    pub(super) fn get_customer(&self, id: u64) -> Handled {
        match self.tables.customers.get(&id) {
            Some(row) => Ok(Answer::ok(shown(row, &["entity_id"]))),
            None => Answer::no_such("customerId", &json!(id)).refuse(),
        }
    }

    /// Creates a customer, or changes the one in the path.
    pub(super) fn save_customer(&mut self, id: Option<u64>, body: &Row) -> Handled {
        let sent = self.taken(body, "customer")?;
        let mut row = match id {
            None => Row::new(),
            Some(id) => match self.tables.customers.get(&id) {
                Some(row) => row.clone(),
                None => return Answer::no_such("customerId", &json!(id)).refuse(),
            },
        };
        let now = self.now_text();
        row.extend(columns::store("customer", &sent));
        let absent = missing(&row, &["firstname", "lastname", "email"]);
        if !absent.is_empty() {
            return Answer::missing_fields(&absent).refuse();
        }
        let email = row["email"].as_str().unwrap_or_default().to_owned();
        if !is_email(&email) {
            return refusal(400, "\"%1\" is not a valid email address.").with(json!([email])).refuse();
        }
        let website = row.entry("website_id").or_insert(json!(1)).clone();
        let double = self.tables.customers.iter().any(|(known, row)| {
            Some(*known) != id
                && row.get("website_id") == Some(&website)
                && row.get("email").and_then(Value::as_str).is_some_and(|known| same_text(known, &email))
        });
        if double {
            return refusal(400, "A customer with the same email address already exists in an associated website.")
                .refuse();
        }
        let attributes = row.get("extension_attributes").and_then(|all| all.get("company_attributes")).cloned();
        if id.is_none() {
            row.entry("group_id").or_insert(json!(1));
            row.entry("store_id").or_insert(json!(1));
            row.insert("created_at".to_owned(), now.clone().into());
            row.insert("created_in".to_owned(), "Default Store View".into());
            row.entry("addresses").or_insert(json!([]));
            row.insert("disable_auto_group_change".to_owned(), json!(0));
        }
        if let Some(company) = attributes.and_then(|attributes| attributes.get("company_id")?.as_u64())
            && company != 0
            && !self.tables.companies.contains_key(&company)
        {
            return Answer::no_such("companyId", &json!(company)).refuse();
        }
        let id = id.unwrap_or_else(|| self.tables.next("customer"));
        row.insert("updated_at".to_owned(), now.into());
        row.insert("id".to_owned(), id.into());
        row.insert("entity_id".to_owned(), id.into());
        self.tables.customers.insert(id, row);
        self.get_customer(id)
    }

    pub(super) fn search_groups(&self, criteria: Criteria) -> Handled {
        let rows = self.tables.groups.iter().map(|(id, row)| (*id, row));
        let page = search::select("group", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|id| self.tables.groups.get(id));
        Ok(page.answer(items.map(|row| shown(row, &["customer_group_id", "customer_group_code"])).collect()))
    }

    pub(super) fn save_group(&mut self, body: &Row) -> Handled {
        let sent = self.taken(body, "group")?;
        let code = sent.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        if code.is_empty() {
            return Answer::missing("code").refuse();
        }
        if code.chars().count() > 32 {
            return refusal(400, "The customer group code can't be longer than 32 characters.").refuse();
        }
        if self.tables.groups.values().any(|row| row["code"].as_str().is_some_and(|known| same_text(known, &code))) {
            return refusal(400, "Customer Group already exists.").refuse();
        }
        let id = self.tables.next("group");
        let mut row = sent;
        row.insert("id".to_owned(), id.into());
        row.insert("customer_group_id".to_owned(), id.into());
        row.insert("customer_group_code".to_owned(), code.into());
        row.entry("tax_class_id").or_insert(json!(3));
        row.entry("tax_class_name").or_insert("Retail Customer".into());
        self.tables.groups.insert(id, row.clone());
        Ok(Answer::ok(shown(&row, &["customer_group_id", "customer_group_code"])))
    }

    pub(super) fn list_companies(&self, criteria: Criteria) -> Handled {
        let rows = self.tables.companies.iter().map(|(id, row)| (*id, row));
        let page = search::select("company", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|id| self.tables.companies.get(id));
        Ok(page.answer(items.map(|row| shown(row, &["entity_id"])).collect()))
    }

    pub(super) fn get_company(&self, id: u64) -> Handled {
        match self.tables.companies.get(&id) {
            Some(row) => Ok(Answer::ok(shown(row, &["entity_id"]))),
            None => Answer::no_such("id", &json!(id)).refuse(),
        }
    }

    /// Creates a company, or replaces the one in the path: what is left out of a change is gone.
    pub(super) fn save_company(&mut self, id: Option<u64>, body: &Row) -> Handled {
        let sent = self.taken(body, "company")?;
        let former = id.map(|id| (id, self.tables.companies.get(&id).cloned()));
        if let Some((id, None)) = former {
            return Answer::no_such("id", &json!(id)).refuse();
        }
        let mut row = columns::store("company", &sent);
        let mut absent = missing(&row, &COMPANY_NEEDS);
        if !row.contains_key("region") && !row.contains_key("region_id") {
            absent.push("region".to_owned());
        }
        if !absent.is_empty() {
            return Answer::missing_fields(&absent).refuse();
        }
        let user = row["super_user_id"].as_u64().unwrap_or_default();
        if !self.tables.customers.contains_key(&user) {
            return Answer::no_such("customerId", &json!(user)).refuse();
        }
        let busy = |(other, row): (&u64, &Row)| Some(*other) != id && row.get("super_user_id") == Some(&json!(user));
        if self.tables.companies.iter().any(busy) {
            let text = "The user %1 is already an admin of another company.";
            return refusal(400, text).with(json!([user])).refuse();
        }
        let group = row["customer_group_id"].as_u64().unwrap_or_default();
        if !self.tables.groups.contains_key(&group) {
            return Answer::no_such("id", &json!(group)).refuse();
        }
        row.entry("status").or_insert(json!(1));
        row.entry("sales_representative_id").or_insert(json!(1));
        row.entry("reject_reason").or_insert(Value::Null);
        row.entry("rejected_at").or_insert(Value::Null);
        let quotes = json!({ "quote_config": { "is_quote_enabled": false }, "is_purchase_order_enabled": false,
            "applicable_payment_method": 0, "applicable_shipping_method": 0 });
        row.entry("extension_attributes").or_insert(quotes);
        if let Some(attributes) = former.and_then(|(_, row)| row?.get("custom_attributes").cloned()) {
            row.entry("custom_attributes").or_insert(attributes);
        }
        let id = id.unwrap_or_else(|| self.tables.next("company"));
        row.insert("id".to_owned(), id.into());
        row.insert("entity_id".to_owned(), id.into());
        if let Some(customer) = self.tables.customers.get_mut(&user) {
            let attributes = customer.entry("extension_attributes").or_insert(json!({}));
            attributes["company_attributes"] = json!({ "customer_id": user, "company_id": id, "status": 1 });
        }
        self.tables.companies.insert(id, row);
        self.get_company(id)
    }

    pub(super) fn delete_company(&mut self, id: u64) -> Handled {
        if self.tables.companies.remove(&id).is_none() {
            return Answer::no_such("id", &json!(id)).refuse();
        }
        Ok(Answer::ok(json!(true)))
    }

    /// `{"companyId", "customAttributes": [{"attribute_code", "value"}]}` in either spelling.
    pub(super) fn set_company_attributes(&mut self, body: &Row) -> Handled {
        let field = |camel: &str, snake: &str| body.get(camel).or_else(|| body.get(snake));
        let id = field("companyId", "company_id").and_then(Value::as_u64);
        let (Some(id), Some(Value::Array(sent))) = (id, field("customAttributes", "custom_attributes")) else {
            let absent = if id.is_none() { "companyId" } else { "customAttributes" };
            return Answer::missing(absent).refuse();
        };
        let Some(company) = self.tables.companies.get_mut(&id) else {
            return Answer::no_such("id", &json!(id)).refuse();
        };
        let mut kept = company.get("custom_attributes").and_then(Value::as_array).cloned().unwrap_or_default();
        for attribute in sent {
            let code = attribute.get("attribute_code").or_else(|| attribute.get("attributeCode")).cloned();
            kept.retain(|known| known.get("attribute_code") != code.as_ref());
            kept.push(json!({ "attribute_code": code, "value": attribute.get("value") }));
        }
        company.insert("custom_attributes".to_owned(), Value::Array(kept));
        Ok(Answer::ok(json!(true)))
    }

    /// Multi-company shops: makes a customer a member of a company.
    pub(super) fn join_company(&mut self, customer: u64, company: u64) -> Handled {
        if !self.tables.companies.contains_key(&company) {
            return Answer::no_such("id", &json!(company)).refuse();
        }
        let Some(row) = self.tables.customers.get_mut(&customer) else {
            return Answer::no_such("customerId", &json!(customer)).refuse();
        };
        let attributes = row.entry("extension_attributes").or_insert(json!({}));
        attributes["company_attributes"] = json!({ "customer_id": customer, "company_id": company, "status": 1 });
        Ok(Answer::ok(json!(true)))
    }

    /// Customers with their companies; takes `criteria[..]`.
    pub(super) fn customers_of_companies(&self, criteria: Criteria) -> Handled {
        let joined =
            |row: &&Row| row.get("extension_attributes").is_some_and(|all| all.get("company_attributes").is_some());
        let rows = self.tables.customers.values().filter(joined).filter_map(|row| Some((id_of(row)?, row)));
        let page = search::select("customer", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|id| self.tables.customers.get(id));
        Ok(page.answer(items.map(|row| row["extension_attributes"]["company_attributes"].clone()).collect()))
    }

    pub(super) fn list_sources(&self, criteria: Criteria) -> Handled {
        let rows = self.tables.sources.iter().map(|(code, row)| (code.clone(), row));
        let page = search::select("source", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|code| self.tables.sources.get(code));
        Ok(page.answer(items.cloned().map(Value::Object).collect()))
    }

    pub(super) fn get_source(&self, code: &str) -> Handled {
        match self.tables.sources.get(code) {
            Some(row) => Ok(Answer::ok(Value::Object(row.clone()))),
            None => refusal(404, "Source with code \"%value\" does not exist.").with(json!({ "value": code })).refuse(),
        }
    }

    /// A known code is overwritten, without a word. Answers `[]`.
    pub(super) fn save_source(&mut self, code: Option<&str>, body: &Row) -> Handled {
        let mut sent = self.taken(body, "source")?;
        if let Some(code) = code {
            self.get_source(code)?;
            sent.insert("source_code".to_owned(), code.into());
        }
        let mut errors: Vec<Value> = Vec::new();
        let empty = missing(&sent, &["source_code", "name", "postcode", "country_id"]);
        errors.extend(
            empty
                .iter()
                .map(|field| json!({ "message": "\"%field\" can not be empty.", "parameters": { "field": field } })),
        );
        let key = sent.get("source_code").and_then(Value::as_str).unwrap_or_default().to_owned();
        if key.contains(char::is_whitespace) {
            errors.push(json!({ "message": "\"%field\" can not contain whitespaces.", "parameters": { "field": "source_code" } }));
        }
        let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
        let double =
            |(other, row): (&String, &Row)| *other != key && row.get("name").and_then(Value::as_str) == Some(name);
        if self.behaviour.unique_source_names && self.tables.sources.iter().any(double) {
            errors.push(json!({ "message": "\"%field\" must be unique.", "parameters": { "field": "name" } }));
        }
        if !errors.is_empty() {
            return Answer::json(400, json!({ "message": "Validation Failed", "errors": errors })).refuse();
        }
        if sent.values().filter_map(Value::as_str).any(|text| text.contains("${")) {
            return refusal(400, "Could not save Source").refuse();
        }
        let row = self.tables.sources.entry(key).or_default();
        row.extend(columns::store("source", &sent));
        row.entry("enabled").or_insert(json!(true));
        Ok(Answer::ok(json!([])))
    }
}
