//! From an admitted call to its answer: path types, body, the operation itself, `fields`.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::{
    answers::{Answer, Content, Handled, Step, refusal},
    behaviour::Edition,
    criteria::{Criteria, parameter},
    oauth::{Caller, SignedCall},
    routes::{Mode, Operation},
    schema::{Row, path_int},
    search,
    shop::Shop,
};

/// One call, read.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) store: Option<String>,
    pub(super) body: Bytes,
}

impl Shop {
    /// The whole way in the shop's order: maintenance, verb, route, credentials, rights, path, body.
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        self.handle(call).unwrap_or_else(|refused| *refused)
    }

    fn handle(&mut self, call: &Call) -> Handled {
        if self.behaviour.maintenance {
            return Answer::html(503, "Error 503: Service Unavailable").refuse();
        }
        if self.edition == Edition::Saas && call.path == super::ims::TOKEN_PATH {
            let now = self.clock.now();
            return Ok(self.tokens.issue(&String::from_utf8_lossy(&call.body), now));
        }
        if !accepts_json(call.accept.as_deref()) {
            return Answer::html(500, "There has been an error processing your request").refuse();
        }
        let place = self.locate(&call.path, call.store.as_deref())?;
        if !matches!(call.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
            return refusal(405, &format!("The {} HTTP method is not supported.", call.method)).refuse();
        }
        if place.mode != Mode::Sync && call.method == "GET" {
            return refusal(400, "Specified request cannot be processed.").refuse();
        }
        let (operation, resource) = self.route(&call.method, &place.segments)?;
        let caller = self.caller(call)?;
        if !resource.is_empty() && !self.door.allows(&caller, &resource) {
            return Answer::not_authorized(&resource).refuse();
        }
        if place.mode != Mode::Sync {
            let body = self.body(call)?;
            let bodies = match (place.mode, body) {
                (Mode::Bulk, Value::Array(bodies)) => bodies,
                (_, body) => vec![body],
            };
            return Ok(self.take_bulk(&place.segments, bodies));
        }
        let mut answer = self.operate(operation, call)?;
        if let Content::Json(value @ (Value::Object(_) | Value::Array(_))) = &mut answer.body
            && let Some(fields) = parameter(&call.query, "fields")
        {
            *value = search::project(value.take(), &fields);
        }
        Ok(answer)
    }

    fn caller(&mut self, call: &Call) -> Step<Caller> {
        let now = self.clock.now();
        if self.edition == Edition::Saas {
            let token =
                call.authorization.as_deref().and_then(|text| text.split_once(' ')).map(|(_, token)| token.trim());
            if token.is_some_and(|token| self.tokens.knows(token, now)) {
                return Ok(Caller::Ims);
            }
            return Answer::json(401, json!({ "error_code": "401013", "message": "Oauth token is not valid" }))
                .refuse();
        }
        self.door.bearer_allowed = self.behaviour.bearer_allowed;
        let is_form =
            call.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = String::from_utf8_lossy(&call.body);
        let signed = SignedCall {
            method: &call.method,
            scheme: &call.scheme,
            host: &call.host,
            path: &call.path,
            query: &call.query,
            authorization: call.authorization.as_deref(),
            form: is_form.then_some(form.as_ref()),
        };
        self.door.judge(&signed, now.timestamp())
    }

    /// The JSON body; an empty one is null.
    fn body(&self, call: &Call) -> Step<Value> {
        if call.body.is_empty() {
            return Ok(Value::Null);
        }
        let kind = call.content_type.as_deref().unwrap_or_default();
        if kind.trim().is_empty() {
            return refusal(400, "Content-Type header is empty.").refuse();
        }
        let mut parts = kind.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let charset = parts.find_map(|part| part.strip_prefix("charset="));
        if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
            return refusal(400, "UTF-8 is the only supported charset.").refuse();
        }
        if media != "application/json" {
            return refusal(400, &format!("Server cannot understand Content-Type HTTP header media type {media}"))
                .refuse();
        }
        serde_json::from_slice(&call.body).or_else(|_| refusal(400, "Decoding error.").refuse())
    }

    fn operate(&mut self, operation: Operation<'_>, call: &Call) -> Handled {
        use Operation as O;
        let criteria = || Criteria::read(&call.query, "searchCriteria");
        let base_url = format!("{}://{}", call.scheme, call.host);
        match operation {
            O::Orders => self.list_orders(criteria()?),
            O::Order(id) => self.get_order(path_int(id)?),
            O::Items => self.list_items(criteria()?),
            O::Item(id) => self.get_item(path_id(id)?),
            O::OrderComments(id) => self.order_comments(path_id(id)?),
            O::OrderStatus(id) => self.order_status(path_id(id)?),
            O::Hold(id) => self.hold(path_id(id)?),
            O::Unhold(id) => self.unhold(path_id(id)?),
            O::Cancel(id) => self.cancel(path_id(id)?),
            O::Ship(id) => self.ship(path_id(id)?),
            O::Invoices => self.list_invoices(criteria()?),
            O::Invoice(id) => self.get_invoice(path_id(id)?),
            O::InvoiceComments(id) => self.invoice_comments(path_id(id)?),
            O::Companies => self.list_companies(criteria()?),
            O::Company(id) => self.get_company(path_id(id)?),
            O::DeleteCompany(id) => self.delete_company(path_id(id)?),
            O::Customers => self.search_customers(criteria()?),
            O::CustomersOfCompanies => self.customers_of_companies(Criteria::read(&call.query, "criteria")?),
            O::JoinCompany(customer, company) => self.join_company(path_id(customer)?, path_id(company)?),
            O::Customer(id) => self.get_customer(path_id(id)?),
            O::Groups => self.search_groups(criteria()?),
            O::Sources => self.list_sources(criteria().unwrap_or_default()),
            O::Source(code) => self.get_source(code),
            O::Stores(what) => self.stores(what, &base_url),
            O::Modules => self.modules(),
            O::OrderStatuses => self.order_statuses(),
            O::Bulk { uuid, what, status } => self.bulk_status(uuid, what, status),
            O::Webhooks => Ok(Answer::ok(Value::Array(self.tables.webhooks.clone()))),
            O::Subscriptions => Ok(Answer::ok(Value::Array(self.tables.subscriptions.clone()))),
            O::Supported => Ok(Answer::ok(json!(super::outbox::SUPPORTED))),
            O::NothingListed => {
                let page = search::select("order", criteria()?, std::iter::empty::<(u64, &Row)>(), &self.behaviour)?;
                Ok(page.answer(Vec::new()))
            }
            writing => self.write(writing, &self.body(call)?),
        }
    }

    fn write(&mut self, operation: Operation<'_>, body: &Value) -> Handled {
        use Operation as O;
        let none = Row::new();
        let object = body.as_object().unwrap_or(&none);
        let optional = |id: Option<&str>| id.map(path_id).transpose();
        match operation {
            O::SaveOrder => self.save_order(object),
            O::CommentOrder(id) => self.comment_order(path_id(id)?, object),
            O::InvoiceOrder(id) => self.invoice_order(path_id(id)?, body),
            O::SaveInvoice => self.save_invoice(object),
            O::CommentInvoice => self.add_invoice_comment(object),
            O::SaveCompany(id) => self.save_company(optional(id)?, object),
            O::CompanyAttributes => self.set_company_attributes(object),
            O::SaveCustomer(id) => self.save_customer(optional(id)?, object),
            O::SaveGroup => self.save_group(object),
            O::SaveSource(code) => self.save_source(code, object),
            O::Subscribe(what) => self.subscribe(what, object),
            _ => refusal(404, "Request does not match any route.").refuse(),
        }
    }
}

/// A negative id is an id nobody has.
fn path_id(text: &str) -> Step<u64> {
    Ok(u64::try_from(path_int(text)?).unwrap_or(u64::MAX))
}

fn accepts_json(accept: Option<&str>) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return true;
    };
    accept.split(',').any(|part| {
        let media = part.split(';').next().unwrap_or_default().trim();
        matches!(media, "*/*" | "application/*" | "application/json")
    })
}
