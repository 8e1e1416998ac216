//! Addresses, companies and customers.

use serde_json::Value;

use super::{CustomAttribute, sparse_form};

sparse_form! {
    /// An address of an order. Given at all, it needs first and last name, street, city, postcode, country and telephone.
    pub struct Address {
        /// `billing` or `shipping`.
        address_type: String,
        /// First name.
        firstname: String,
        /// Last name.
        lastname: String,
        /// Company.
        company: String,
        /// Lines of the street.
        street: Vec<String>,
        /// City.
        city: String,
        /// Name of the region.
        region: String,
        /// Code of the region, such as `MN`.
        region_code: String,
        /// The shop's id of the region.
        region_id: i64,
        /// Postcode.
        postcode: String,
        /// Two letters.
        country_id: String,
        /// Telephone.
        telephone: String,
        /// E-mail.
        email: String,
    }
}

sparse_form! {
    /// A company of the B2B module. Nothing in it is unique but its id, so `reseller_id` is our key.
    pub struct Company {
        /// Its id; `None` for a new one.
        id: i64,
        /// Name.
        company_name: String,
        /// Registered name.
        legal_name: String,
        /// E-mail. Not unique.
        company_email: String,
        /// 0 pending, 1 approved, 2 rejected, 3 blocked.
        status: i64,
        /// Tax number.
        vat_tax_id: String,
        /// Number in another system: our key.
        reseller_id: String,
        /// Note.
        comment: String,
        /// One or two lines.
        street: Vec<String>,
        /// City.
        city: String,
        /// Two letters.
        country_id: String,
        /// Name of the region.
        region: String,
        /// The shop's id of the region; a text here.
        region_id: Value,
        /// Postcode.
        postcode: String,
        /// Telephone.
        telephone: String,
        /// Also the company's shared catalogue; 1 is the default. Never invent one.
        customer_group_id: i64,
        /// Id of the customer who administers it. One customer administers one company only.
        super_user_id: i64,
        /// Id of the shop's user who looks after it.
        sales_representative_id: i64,
        /// Only read; written by a call of its own.
        #[serde(skip_serializing)]
        custom_attributes: Vec<CustomAttribute>,
        ..rest
    }
}

impl Company {
    /// Status of a company that may buy.
    pub const APPROVED: i64 = 1;
    /// Status of a company that may not.
    pub const BLOCKED: i64 = 3;
}

sparse_form! {
    /// A person with an account.
    pub struct Customer {
        /// Its id; `None` for a new one.
        id: i64,
        /// Unique per website.
        email: String,
        /// First name.
        firstname: String,
        /// Last name.
        lastname: String,
        /// Website.
        website_id: i64,
        /// Store.
        store_id: i64,
        /// Group; must exist.
        group_id: i64,
        ..rest
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn what_we_do_not_know_of_a_company_goes_back_as_it_came() {
        let text = r#"{"id":57,"company_name":"Northwind","region_id":"34","custom_attributes":[{"attribute_code":"a","value":"b"}],
            "extension_attributes":{"quote_config":{"is_quote_enabled":false}},"reject_reason":""}"#;
        let mut company: Company = serde_json::from_str(text).unwrap();
        assert_eq!(company.custom_attributes.as_ref().map(Vec::len), Some(1));
        company.company_name = Some("Northwind Castings".to_owned());
        let back: Value = serde_json::from_str(&serde_json::to_string(&company).unwrap()).unwrap();
        assert_eq!(back["extension_attributes"]["quote_config"]["is_quote_enabled"], false);
        assert_eq!(back["company_name"], "Northwind Castings");
        assert_eq!(back["region_id"], "34");
        assert!(back.get("custom_attributes").is_none());
    }
}
