//! Customers: the people a company needs.

use mlc_model::Fault;
use mlc_outbound::Method;
use serde::Serialize;

use crate::{AdobeClient, Condition, Customer, Page, Search, client::defect};

#[derive(Serialize)]
struct Wrapped<'a> {
    customer: &'a Customer,
}

impl AdobeClient {
    /// The customer with this e-mail address in a website.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn find_customer(&self, email: &str, website_id: i64) -> Result<Option<Customer>, Fault> {
        let search = Search::by("entity_id")
            .and("email", Condition::Eq, email)
            .and("website_id", Condition::Eq, website_id.to_string())
            .page_size(10);
        let page: Page<Customer> = self.page("/customers/search", "customers.find", &search).await?;
        Ok(page.items.into_iter().find(|customer| {
            customer.email.as_deref().is_some_and(|found| found.trim().to_lowercase() == email.trim().to_lowercase())
        }))
    }

    /// One customer by its id.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::NOT_FOUND`] when there is none.
    pub async fn customer(&self, id: i64) -> Result<Customer, Fault> {
        self.get(&format!("/customers/{id}"), "customers.read").await
    }

    /// Makes a customer. Without a password the shop mails a link to set one.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::CUSTOMER_EXISTS`] when the address is known: find it.
    pub async fn create_customer(&self, customer: &Customer) -> Result<Customer, Fault> {
        const OPERATION: &str = "customers.create";
        if customer.id.is_some() || customer.email.is_none() {
            return Err(defect(OPERATION, "a new customer has no id and needs an e-mail address"));
        }
        self.put_body(Method::POST, "/customers", OPERATION, &Wrapped { customer }).await
    }
}
