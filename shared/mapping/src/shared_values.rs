//! The fields of a vendor that both sides keep, in one form, so that equal meaning compares equal.

use std::collections::BTreeMap;

use mlc_adobe::{
    Company,
    columns::{TEXT, fit},
};
use mlc_model::{Address, Fault, Fingerprint, RecordKey, SharedField, Vendor};
use serde::Serialize;

use crate::text::{filled, one_line};

/// What stands in the shop for a part it demands and the vendor does not have.
pub(crate) const PLACEHOLDER: &str = "-";
/// Longest comment that is carried, in characters; the shop's column holds 65,535 bytes.
const COMMENT: usize = 10_000;
/// Parts of an address: street, second street, town, state, post code.
const ADDRESS_PARTS: usize = 5;

/// What the shop holds where the vendor has nothing, by the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// E-mail address pattern; `{number}` stands for the vendor's number.
    pub email: Option<String>,
    /// Telephone.
    pub phone: String,
    /// Post code.
    pub postal_code: String,
}

impl Placeholders {
    pub(crate) fn email_of(&self, number: i64) -> Option<String> {
        self.email.as_ref().map(|pattern| pattern.replace("{number}", &number.to_string()).to_lowercase())
    }
}

/// The shared fields of one vendor, each as a text in one form: blanks collapsed, placeholders of the shop empty, cut as the shop's column
/// would. An address is its parts joined by line feeds: street, second street, town, state, post code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SharedValues(BTreeMap<SharedField, String>);

impl SharedValues {
    /// As Epicor has them.
    pub fn of_vendor(vendor: &Vendor) -> Self {
        let Address { line1, line2, line3, city, state, postal_code, .. } = &vendor.address;
        let lines = [line1, line2, line3].map(|line| line.as_deref());
        Self::new([
            (SharedField::Name, vendor.name.clone()),
            (SharedField::Address, address(&lines, [city.as_deref(), state.as_deref(), postal_code.as_deref()])),
            (SharedField::Phone, some(vendor.phone.as_deref())),
            (SharedField::Email, some(vendor.email.as_deref())),
            (SharedField::TaxId, some(vendor.tax_id.as_deref())),
            (SharedField::Comment, some(vendor.comment.as_deref())),
        ])
    }

    /// As the shop has them for the vendor of this number.
    pub fn of_company(company: &Company, number: i64, placeholders: &Placeholders) -> Self {
        let real = |text: Option<&String>, placeholder: &str| {
            let text = text.map(|text| text.trim()).unwrap_or_default();
            if text == placeholder.trim() { String::new() } else { text.to_owned() }
        };
        let lines: Vec<Option<&str>> =
            company.street.iter().flatten().map(|line| Some(line.trim()).filter(|line| *line != PLACEHOLDER)).collect();
        let city = real(company.city.as_ref(), PLACEHOLDER);
        let region = real(company.region.as_ref(), PLACEHOLDER);
        let post_code = real(company.postcode.as_ref(), &placeholders.postal_code);
        let email = real(company.company_email.as_ref(), "").to_lowercase();
        let email = if Some(&email) == placeholders.email_of(number).as_ref() { String::new() } else { email };
        Self::new([
            (SharedField::Name, real(company.company_name.as_ref(), "")),
            (SharedField::Address, address(&lines, [Some(&city), Some(&region), Some(&post_code)])),
            (SharedField::Phone, real(company.telephone.as_ref(), &placeholders.phone)),
            (SharedField::Email, email),
            (SharedField::TaxId, real(company.vat_tax_id.as_ref(), "")),
            (SharedField::Comment, real(company.comment.as_ref(), "")),
        ])
    }

    fn new(values: [(SharedField, String); 6]) -> Self {
        Self(values.into_iter().map(|(field, text)| (field, canonical(field, &text))).collect())
    }

    /// One field; empty when nothing is there.
    pub fn get(&self, field: SharedField) -> &str {
        self.0.get(&field).map_or("", String::as_str)
    }

    /// These fields only.
    pub fn only<'a>(&self, fields: impl IntoIterator<Item = &'a SharedField>) -> BTreeMap<SharedField, String> {
        fields.into_iter().map(|field| (*field, self.get(*field).to_owned())).collect()
    }

    /// The parts of the address: street, second street, town, state, post code.
    pub fn address_parts(&self) -> [&str; ADDRESS_PARTS] {
        address_parts(self.get(SharedField::Address))
    }

    /// Fields that Epicor has more of than the shop can keep: they are cut there, or characters are replaced.
    pub fn shortened(vendor: &Vendor) -> Vec<SharedField> {
        let cut = |text: Option<&str>, limit: usize| {
            let fitted = fit(&one_line(text.unwrap_or_default()), limit);
            fitted.cut || fitted.replaced
        };
        let Address { line1, line2, line3, city, state, postal_code, .. } = &vendor.address;
        let second = joined(&[line2.as_deref(), line3.as_deref()]);
        let parts =
            [line1.as_deref(), Some(second.as_str()), city.as_deref(), state.as_deref(), postal_code.as_deref()];
        let lost = [
            (SharedField::Name, cut(Some(&vendor.name), TEXT)),
            (SharedField::Address, parts.into_iter().any(|part| cut(part, TEXT))),
            (SharedField::Phone, cut(vendor.phone.as_deref(), TEXT)),
            (SharedField::Email, cut(vendor.email.as_deref(), TEXT)),
            (SharedField::TaxId, cut(vendor.tax_id.as_deref(), TEXT)),
            (SharedField::Comment, cut(vendor.comment.as_deref(), COMMENT)),
        ];
        lost.into_iter().filter(|(_, lost)| *lost).map(|(field, _)| field).collect()
    }

    /// What is compared to see whether a company changed since it was looked at last.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn fingerprint(&self, vendor: &RecordKey) -> Result<Fingerprint, Fault> {
        Fingerprint::of(&(vendor, &self.0)).map_err(|problem| Fault::defect("map.shared_values", problem.to_string()))
    }
}

/// The fingerprint of one value. It tells nothing about the same text on another vendor or in another field.
///
/// # Errors
/// `Defect`, never in practice.
pub fn value_print(vendor: &RecordKey, field: SharedField, text: &str) -> Result<Fingerprint, Fault> {
    Fingerprint::of(&(vendor, field, text)).map_err(|problem| Fault::defect("map.value_print", problem.to_string()))
}

/// The columns of Epicor that hold a field, with the values that the text means.
///
/// Source: Epicor reference, section 5.1.
pub fn vendor_columns(field: SharedField, text: &str) -> BTreeMap<&'static str, String> {
    let one = |column| BTreeMap::from([(column, text.to_owned())]);
    match field {
        SharedField::Name => one("Name"),
        SharedField::Phone => one("PhoneNum"),
        SharedField::Email => one("EMailAddress"),
        SharedField::TaxId => one("TaxPayerID"),
        SharedField::Comment => one("Comment"),
        SharedField::Address => {
            let [street, second, city, state, post_code] = address_parts(text);
            let columns = [
                ("Address1", street),
                ("Address2", second),
                ("Address3", ""),
                ("City", city),
                ("State", state),
                ("ZIP", post_code),
            ];
            columns.into_iter().map(|(column, text)| (column, text.to_owned())).collect()
        }
    }
}

/// Whether `stored` is what a system may make of `sent`: cut at the end, or with other case or punctuation. Anything else is somebody's edit.
pub fn is_form_of(field: SharedField, stored: &str, sent: &str) -> bool {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let form = |stored: &str, sent: &str| {
        let (stored, sent) = (plain(stored.trim_end_matches('…')), plain(sent.trim_end_matches('…')));
        stored == sent || (!stored.is_empty() && sent.starts_with(&stored))
    };
    match field {
        SharedField::Address => {
            let (stored, sent) = (address_parts(stored), address_parts(sent));
            // A shop that knows the country's regions may put the name for a code.
            let is_region = |at: usize| at == 3;
            stored.iter().zip(sent).enumerate().all(|(at, (stored, sent))| {
                form(stored, sent) || (is_region(at) && !stored.is_empty() && !sent.is_empty())
            })
        }
        _ => form(stored, sent),
    }
}

fn some(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn joined(lines: &[Option<&str>]) -> String {
    lines.iter().filter_map(|line| filled(*line)).collect::<Vec<_>>().join(", ")
}

/// Lines that are empty do not count: what stands in the second of two is the first.
fn address(lines: &[Option<&str>], [city, state, post_code]: [Option<&str>; 3]) -> String {
    let lines: Vec<Option<&str>> = lines.iter().copied().filter(|line| filled(*line).is_some()).collect();
    let (first, rest) = lines.split_at(lines.len().min(1));
    let parts = [joined(first), joined(rest), some(city), some(state), some(post_code)];
    parts.map(|part| fitted(&part, TEXT)).join("\n")
}

fn address_parts(text: &str) -> [&str; ADDRESS_PARTS] {
    let mut parts = text.split('\n');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// One line as the shop's column keeps it. Cutting can leave a blank at the end, so it is trimmed again.
fn fitted(text: &str, limit: usize) -> String {
    let Some(text) = filled(Some(text)) else { return String::new() };
    let line = one_line(text).split_whitespace().collect::<Vec<_>>().join(" ");
    fit(&line, limit).text.trim().to_owned()
}

fn canonical(field: SharedField, text: &str) -> String {
    match field {
        // Its parts were brought into form one by one.
        SharedField::Address => text.to_owned(),
        SharedField::Email => fitted(&text.to_lowercase(), TEXT),
        SharedField::Comment => {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let lines: Vec<String> = text.split('\n').map(|line| fitted(line, COMMENT)).collect();
            fit(lines.join("\n").trim(), COMMENT).text.trim().to_owned()
        }
        SharedField::Name | SharedField::Phone | SharedField::TaxId => fitted(text, TEXT),
    }
}
