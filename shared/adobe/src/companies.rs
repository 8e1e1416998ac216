//! Companies of the B2B module.

use mlc_model::Fault;
use mlc_outbound::Method;
use serde::Serialize;
use serde_json::json;

use crate::{AdobeClient, Company, Condition, CustomAttribute, Page, Search, client::defect};

#[derive(Serialize)]
struct Wrapped<'a> {
    company: &'a Company,
}

impl AdobeClient {
    /// One company by its id.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::NOT_FOUND`] when there is none, with [`crate::fault::code::NO_ROUTE`] when
    /// the shop has no B2B module.
    pub async fn company(&self, id: i64) -> Result<Company, Fault> {
        self.get(&format!("/company/{id}"), "companies.read").await
    }

    /// The oldest company with this `reseller_id`: nothing in the shop keeps two from having the same.
    ///
    /// # Errors
    /// As [`AdobeClient::company`].
    pub async fn find_company(&self, reseller_id: &str) -> Result<Option<Company>, Fault> {
        let search = Search::by("entity_id").and("reseller_id", Condition::Eq, reseller_id).page_size(10);
        let page = self.search_companies(&search).await?;
        Ok(page.items.into_iter().find(|company| {
            company
                .reseller_id
                .as_deref()
                .is_some_and(|found| found.trim_end().eq_ignore_ascii_case(reseller_id.trim_end()))
        }))
    }

    /// One page of companies. They have no `updated_at`: compare fingerprints.
    ///
    /// # Errors
    /// As [`AdobeClient::company`].
    pub async fn search_companies(&self, search: &Search) -> Result<Page<Company>, Fault> {
        self.page("/company/", "companies.search", search).await
    }

    /// Makes a company. `super_user_id` must be a customer who administers none. Not safe to repeat: look it up first.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::COMPANY_ADMIN_TAKEN`] when the customer has a company already.
    pub async fn create_company(&self, company: &Company) -> Result<Company, Fault> {
        const OPERATION: &str = "companies.create";
        if company.id.is_some() || company.super_user_id.is_none() {
            return Err(defect(OPERATION, "a new company has no id and needs super_user_id"));
        }
        self.put_body(Method::POST, "/company/", OPERATION, &Wrapped { company }).await
    }

    /// Puts back a company that was read and changed. Whether left-out fields survive is not promised by the shop, so
    /// send the whole.
    ///
    /// # Errors
    /// As [`AdobeClient::company`].
    pub async fn update_company(&self, company: &Company) -> Result<Company, Fault> {
        const OPERATION: &str = "companies.update";
        let Some(id) = company.id else { return Err(defect(OPERATION, "the company has no id")) };
        self.put_body(Method::PUT, &format!("/company/{id}"), OPERATION, &Wrapped { company }).await
    }

    /// Sets a company's custom attributes. Safe to repeat. SaaS, or PaaS with the module for it.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::NO_ROUTE`] when the shop lacks the module.
    pub async fn set_company_attributes(&self, id: i64, attributes: &[CustomAttribute]) -> Result<(), Fault> {
        let body = json!({"companyId": id, "customAttributes": attributes});
        self.write(Method::POST, "/company/setCustomAttributes", "companies.set_attributes", &body).await?;
        Ok(())
    }
}
