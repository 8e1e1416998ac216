//! Inventory sources, which can stand for suppliers.

use super::{Amount, sparse_form};

sparse_form! {
    /// An inventory source. Name, country and postcode are demanded with every write.
    pub struct Source {
        /// Its key, fixed for ever: letters, digits, `-`, `_`.
        source_code: String,
        /// Name.
        name: String,
        /// Whether stock is kept there. Suppliers: `false`.
        enabled: bool,
        /// Up to 1,000 characters.
        description: String,
        /// Who is asked.
        contact_name: String,
        /// E-mail.
        email: String,
        /// Telephone.
        phone: String,
        /// Fax.
        fax: String,
        /// Street.
        street: String,
        /// City.
        city: String,
        /// Name of the region.
        region: String,
        /// The shop's id of the region.
        region_id: i64,
        /// Postcode.
        postcode: String,
        /// Two letters.
        country_id: String,
        /// Latitude.
        latitude: Amount,
        /// Longitude.
        longitude: Amount,
        /// Whether the shop's carriers hold here.
        use_default_carrier_config: bool,
        ..rest
    }
}

impl Source {
    /// Whether a text can be the key of a source.
    pub fn is_code(text: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !text.is_empty() && text.len() <= crate::columns::SOURCE_CODE && text.chars().all(plain)
    }
}
