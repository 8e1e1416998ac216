//! Which call a path and a verb name, and which right it needs.

use super::{
    answers::{Answer, Step, refusal},
    behaviour::Edition,
    shop::Shop,
};

/// How a call is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Sync,
    Async,
    Bulk,
}

/// A path without edition, store and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) mode: Mode,
    pub(super) segments: Vec<String>,
}

/// A call the shop knows. Parts of the path are not checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Orders,
    SaveOrder,
    Order(&'a str),
    Items,
    Item(&'a str),
    CommentOrder(&'a str),
    OrderComments(&'a str),
    OrderStatus(&'a str),
    Hold(&'a str),
    Unhold(&'a str),
    Cancel(&'a str),
    InvoiceOrder(&'a str),
    Ship(&'a str),
    Invoices,
    SaveInvoice,
    CommentInvoice,
    Invoice(&'a str),
    InvoiceComments(&'a str),
    Companies,
    SaveCompany(Option<&'a str>),
    Company(&'a str),
    DeleteCompany(&'a str),
    CompanyAttributes,
    Customers,
    CustomersOfCompanies,
    JoinCompany(&'a str, &'a str),
    SaveCustomer(Option<&'a str>),
    Customer(&'a str),
    Groups,
    SaveGroup,
    Sources,
    SaveSource(Option<&'a str>),
    Source(&'a str),
    Stores(&'a str),
    Modules,
    OrderStatuses,
    Bulk {
        uuid: &'a str,
        what: &'a str,
        status: Option<&'a str>,
    },
    Webhooks,
    Subscriptions,
    Supported,
    Subscribe(&'a str),
    /// Lists of tables that are always empty here.
    NothingListed,
}

fn no_route<T>() -> Step<T> {
    refusal(404, "Request does not match any route.").refuse()
}

fn cannot<T>() -> Step<T> {
    refusal(400, "Specified request cannot be processed.").refuse()
}

impl Shop {
    /// Finds the part of the path behind edition, store and version.
    pub(super) fn locate(&self, path: &str, store_header: Option<&str>) -> Step<Place> {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let knows_store =
            |code: &str| code == "all" || code == "default" || self.stores.iter().any(|store| store.code == code);
        let mut mode = Mode::Sync;
        match self.edition {
            Edition::Paas => {
                if parts.first() == Some(&"index.php") {
                    parts.remove(0);
                }
                if parts.first() != Some(&"rest") {
                    return Answer::html(404, "404 Not Found").refuse();
                }
                parts.remove(0);
                let version = |part: &&str| {
                    part.starts_with('V') && part.len() > 1 && part[1..].chars().all(|digit| digit.is_ascii_digit())
                };
                if parts.first().is_some_and(|part| !version(part) && *part != "async") && !knows_store(parts.remove(0))
                {
                    return cannot();
                }
                take_mode(&mut parts, &mut mode);
                match parts.first() {
                    Some(&"V1") => parts.remove(0),
                    Some(part) if version(part) => return no_route(),
                    _ => return cannot(),
                };
            }
            Edition::Saas => {
                if parts.first() != Some(&self.config.tenant.as_str()) || parts.get(1) != Some(&"V1") {
                    return no_route();
                }
                parts.drain(..2);
                take_mode(&mut parts, &mut mode);
                if store_header.is_some_and(|code| !knows_store(code)) {
                    return cannot();
                }
            }
        }
        let segments = parts.into_iter().map(super::oauth::decode).collect();
        Ok(Place { mode, segments })
    }

    /// The call and the ACL resource it needs; an empty resource is open to everybody.
    pub(super) fn route<'a>(&self, method: &str, segments: &'a [String]) -> Step<(Operation<'a>, String)> {
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let found =
            sales(method, &parts).or_else(|| self.partner(method, &parts)).or_else(|| self.about_shop(method, &parts));
        let Some((operation, resource)) = found else {
            return no_route();
        };
        let resource = match operation {
            Operation::SaveOrder => self.behaviour.order_save_resource.clone(),
            _ => resource.to_owned(),
        };
        Ok((operation, resource))
    }

    fn partner<'a>(&self, method: &str, parts: &[&'a str]) -> Option<(Operation<'a>, &'static str)> {
        use Operation as O;
        const COMPANY: &str = "Magento_Company::index";
        let behaviour = &self.behaviour;
        let operation = match (method, parts) {
            ("GET", ["customers", "search"]) => (O::Customers, "Magento_Customer::customer"),
            ("GET", ["customers", "companies"]) if behaviour.b2b => (O::CustomersOfCompanies, COMPANY),
            ("PUT", ["customers", customer, "companies", company]) if behaviour.b2b => {
                (O::JoinCompany(customer, company), COMPANY)
            }
            ("POST", ["customers"]) if behaviour.create_customers => (O::SaveCustomer(None), ""),
            ("GET", ["customers", id]) => (O::Customer(id), "Magento_Customer::customer"),
            ("PUT", ["customers", id]) => (O::SaveCustomer(Some(id)), "Magento_Customer::manage"),
            ("GET", ["customerGroups", "search"]) => (O::Groups, "Magento_Customer::group"),
            ("POST", ["customerGroups"]) => (O::SaveGroup, "Magento_Customer::group"),
            ("POST", ["company", "setCustomAttributes"]) if behaviour.company_attributes => {
                (O::CompanyAttributes, COMPANY)
            }
            (_, ["company", ..]) if !behaviour.b2b => return None,
            ("GET", ["company"]) => (O::Companies, COMPANY),
            ("POST", ["company"]) => (O::SaveCompany(None), COMPANY),
            ("GET", ["company", id]) => (O::Company(id), COMPANY),
            ("PUT", ["company", id]) => (O::SaveCompany(Some(id)), COMPANY),
            ("DELETE", ["company", id]) => (O::DeleteCompany(id), COMPANY),
            (_, ["inventory", ..]) if !behaviour.sources => return None,
            ("GET", ["inventory", "sources"]) => (O::Sources, "Magento_InventoryApi::source"),
            ("POST", ["inventory", "sources"]) => (O::SaveSource(None), "Magento_InventoryApi::source_edit"),
            ("GET", ["inventory", "sources", code]) => (O::Source(code), "Magento_InventoryApi::source"),
            ("PUT", ["inventory", "sources", code]) => (O::SaveSource(Some(code)), "Magento_InventoryApi::source_edit"),
            _ => return None,
        };
        Some(operation)
    }

    fn about_shop<'a>(&self, method: &str, parts: &[&'a str]) -> Option<(Operation<'a>, &'static str)> {
        use Operation as O;
        const BULK: &str = "Magento_Logging::system_magento_logging_bulk_operations";
        const HOOKS: &str = "Magento_AdobeCommerceWebhooks::webhooks_list";
        const EVENTS: &str = "Magento_AdobeCommerceEventsClient::event_subscribe";
        let saas = self.edition == Edition::Saas;
        let operation = match (method, parts) {
            ("GET", ["store", what @ ("storeViews" | "storeGroups" | "websites" | "storeConfigs")]) => {
                (O::Stores(what), "Magento_Backend::store")
            }
            ("GET", ["modules"]) => (O::Modules, "Magento_Backend::system"),
            ("GET", ["order-statuses"]) if saas => (O::OrderStatuses, "Magento_Sales::actions_view"),
            ("GET", ["bulk", uuid, what @ ("status" | "detailed-status")]) => {
                (O::Bulk { uuid, what, status: None }, BULK)
            }
            ("GET", ["bulk", uuid, what @ "operation-status", status]) => {
                (O::Bulk { uuid, what, status: Some(status) }, BULK)
            }
            ("GET", ["webhooks", "list"]) => (O::Webhooks, HOOKS),
            ("POST", ["webhooks", what @ ("subscribe" | "unsubscribe")]) => (O::Subscribe(what), HOOKS),
            ("GET", ["webhooks" | "eventing", "supportedList"]) if saas => (O::Supported, HOOKS),
            ("POST", ["eventing", what @ "eventSubscribe"]) => (O::Subscribe(what), EVENTS),
            ("GET", ["eventing", "getEventSubscriptions"]) => (O::Subscriptions, EVENTS),
            ("GET", ["products"]) => (O::NothingListed, "Magento_Catalog::products"),
            ("GET", ["shipments"]) => (O::NothingListed, "Magento_Sales::shipment"),
            _ => return None,
        };
        Some(operation)
    }
}

fn sales<'a>(method: &str, parts: &[&'a str]) -> Option<(Operation<'a>, &'static str)> {
    use Operation as O;
    const VIEW: &str = "Magento_Sales::actions_view";
    const INVOICE: &str = "Magento_Sales::sales_invoice";
    let operation = match (method, parts) {
        ("GET", ["orders"]) => (O::Orders, VIEW),
        ("POST", ["orders"]) | ("PUT", ["orders", "create"]) => (O::SaveOrder, ""),
        ("GET", ["orders", "items"]) => (O::Items, VIEW),
        ("GET", ["orders", "items", id]) => (O::Item(id), VIEW),
        ("GET", ["orders", id]) => (O::Order(id), VIEW),
        ("POST", ["orders", id, "comments"]) => (O::CommentOrder(id), "Magento_Sales::comment"),
        ("GET", ["orders", id, "comments"]) => (O::OrderComments(id), VIEW),
        ("GET", ["orders", id, "statuses"]) => (O::OrderStatus(id), VIEW),
        ("POST", ["orders", id, "hold"]) => (O::Hold(id), "Magento_Sales::hold"),
        ("POST", ["orders", id, "unhold"]) => (O::Unhold(id), "Magento_Sales::unhold"),
        ("POST", ["orders", id, "cancel"]) => (O::Cancel(id), "Magento_Sales::cancel"),
        ("POST", ["order", id, "invoice"]) => (O::InvoiceOrder(id), "Magento_Sales::invoice"),
        ("POST", ["order", id, "ship"]) => (O::Ship(id), "Magento_Sales::ship"),
        ("GET", ["invoices"]) => (O::Invoices, INVOICE),
        ("POST", ["invoices"]) => (O::SaveInvoice, INVOICE),
        ("POST", ["invoices", "comments"]) => (O::CommentInvoice, INVOICE),
        ("GET", ["invoices", id]) => (O::Invoice(id), INVOICE),
        ("GET", ["invoices", id, "comments"]) => (O::InvoiceComments(id), INVOICE),
        _ => return None,
    };
    Some(operation)
}

fn take_mode(parts: &mut Vec<&str>, mode: &mut Mode) {
    if parts.first() == Some(&"async") {
        parts.remove(0);
        *mode = Mode::Async;
        if parts.first() == Some(&"bulk") {
            parts.remove(0);
            *mode = Mode::Bulk;
        }
    }
}
