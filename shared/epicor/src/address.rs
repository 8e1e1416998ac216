//! Addresses of a Kinetic server: what people configure, made regular.

use mlc_model::CompanyCode;
use url::Url;

use crate::{Entity, RowKey, query::encode};

/// A configured base address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// Not an `http` or `https` address with a host.
    #[error("base_url is not an address: {0}. Use `https://server/instance`, such as `https://erp.example.com/Live`")]
    NotAnAddress(String),
    /// The address names REST v1, which has neither API keys nor a Company segment.
    #[error("base_url names REST v1, which is not supported. Use `https://server/instance` without `/api/v1`")]
    Version1,
    /// The address ends in another company than the one configured.
    #[error("base_url ends in company `{in_url}`, but `company` says `{configured}`. Make them equal")]
    OtherCompany {
        /// The company in the address.
        in_url: String,
        /// The company in the settings.
        configured: CompanyCode,
    },
}

/// The address of one instance and one company on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    root: Url,
    company: CompanyCode,
}

impl Address {
    /// Takes `https://server/instance`, with or without a trailing slash, also when somebody pasted it together with
    /// `/api/v2/odata/{Company}`.
    ///
    /// # Errors
    /// [`AddressProblem`], in words for the person who wrote the settings.
    ///
    /// Source: Epicor reference, section 1, rules.
    pub fn parse(base_url: &str, company: CompanyCode) -> Result<Self, AddressProblem> {
        let mut root =
            Url::parse(base_url.trim()).map_err(|problem| AddressProblem::NotAnAddress(problem.to_string()))?;
        if !matches!(root.scheme(), "http" | "https") || root.host_str().is_none() {
            return Err(AddressProblem::NotAnAddress(format!("`{}` has no http host", root.scheme())));
        }
        if !root.username().is_empty() || root.password().is_some() {
            return Err(AddressProblem::NotAnAddress("it holds a login; secrets belong in the vault".to_owned()));
        }
        root.set_query(None);
        root.set_fragment(None);
        let mut segments: Vec<String> =
            root.path().split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        if let Some(api) = segments.iter().position(|segment| segment.eq_ignore_ascii_case("api")) {
            let rest = segments.split_off(api);
            let next = |n: usize| rest.get(n).map(|segment| segment.to_ascii_lowercase());
            if next(1).as_deref() == Some("v1") {
                return Err(AddressProblem::Version1);
            }
            let company_in_url = if next(2).as_deref() == Some("odata") { rest.get(3) } else { None };
            if let Some(in_url) = company_in_url
                && !in_url.eq_ignore_ascii_case(company.as_str())
            {
                return Err(AddressProblem::OtherCompany { in_url: in_url.clone(), configured: company });
            }
        }
        root.set_path(&format!("/{}", segments.join("/")));
        Ok(Self { root, company })
    }

    /// `https://server/instance`, without a trailing slash.
    pub fn root(&self) -> &str {
        self.root.as_str().trim_end_matches('/')
    }

    /// The company in every address.
    pub fn company(&self) -> &CompanyCode {
        &self.company
    }

    /// Host name, for the list of hosts that may be called.
    pub fn host(&self) -> &str {
        self.root.host_str().unwrap_or_default()
    }

    /// Path below [`Address::root`] of an entity set: the Company segment is mandatory in v2.
    pub fn set_path(&self, entity: Entity) -> String {
        format!("{}/{}", self.service_path(entity), entity.set())
    }

    /// Path below [`Address::root`] of the description of a service.
    pub fn metadata_path(&self, entity: Entity) -> String {
        format!("{}/$metadata", self.service_path(entity))
    }

    /// Path below [`Address::root`] of anything in the company.
    pub(crate) fn below(&self, tail: &str) -> String {
        format!("/api/v2/odata/{}/{tail}", self.company)
    }

    /// Path below [`Address::root`] of one whole document. Only orders and invoices are documents.
    pub(crate) fn document_path(&self, entity: Entity, key: &RowKey) -> String {
        let mut path = format!("{}/GetByID?", self.service_path(entity));
        match &key.document {
            Some(number) => {
                path.push_str(&format!("vendorNum={}&invoiceNum=", key.number));
                encode(number, &mut path);
            }
            None => path.push_str(&format!("poNum={}", key.number)),
        }
        path
    }

    /// Path below [`Address::root`] of the token service, which stands beside `/api`, not under it.
    pub fn token_resource_path(&self) -> &'static str {
        "/TokenResource.svc/"
    }

    fn service_path(&self, entity: Entity) -> String {
        // A company code holds letters, digits, `_` and `-` only, so it needs no encoding.
        format!("/api/v2/odata/{}/{}", self.company, entity.service())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressProblem> {
        Address::parse(text, CompanyCode::parse("EPIC06").unwrap())
    }

    #[test]
    fn every_way_to_write_the_base_leads_to_one_address() {
        for text in [
            "https://erp.example.com/Live",
            "https://erp.example.com/Live/",
            " https://erp.example.com/Live// ",
            "https://erp.example.com/Live/api/v2/odata/EPIC06",
            "https://erp.example.com/Live/api/v2/odata/EPIC06/",
            "https://erp.example.com/Live/api/v2/odata/",
            "https://erp.example.com/Live/api",
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.root(), "https://erp.example.com/Live", "{text}");
            assert_eq!(address.set_path(Entity::Vendors), "/api/v2/odata/EPIC06/Erp.BO.VendorSvc/Vendors");
        }
    }

    #[test]
    fn an_instance_at_the_root_of_a_host_has_no_double_slash() {
        assert_eq!(parse("http://127.0.0.1:8080/").unwrap().root(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_base_of_another_company_is_refused_with_both_names() {
        let problem = parse("https://erp.example.com/Live/api/v2/odata/EPIC07").unwrap_err();
        assert!(problem.to_string().contains("EPIC07") && problem.to_string().contains("EPIC06"));
    }

    #[test]
    fn addresses_that_cannot_work_are_refused() {
        assert_eq!(parse("https://erp.example.com/Live/api/v1"), Err(AddressProblem::Version1));
        for text in ["", "erp.example.com/Live", "ftp://erp.example.com", "https://me:hunter2@erp.example.com"] {
            let problem = parse(text).unwrap_err();
            assert!(!problem.to_string().contains("hunter2"), "{text}");
        }
    }
}
