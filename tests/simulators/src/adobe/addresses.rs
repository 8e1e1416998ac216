//! What an order address must have.

use serde_json::{Value, json};

use super::{
    answers::{Step, refusal},
    schema::Row,
};

/// Checks the parts of a given address, and the customer's e-mail with it.
pub(super) fn check(address: &Row, customer_email: Option<&str>) -> Step<()> {
    let given = |name: &str| match address.get(name) {
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(lines)) => lines.iter().any(|line| line.as_str().is_some_and(|line| !line.trim().is_empty())),
        _ => false,
    };
    let needed = [
        ("postcode", "Zip code"),
        ("lastname", "Last name"),
        ("street", "Street"),
        ("city", "City"),
        ("country_id", "Country"),
        ("firstname", "First Name"),
        ("telephone", "Phone Number"),
    ];
    let mut wrong: Vec<String> = needed
        .iter()
        .filter(|(name, _)| !given(name))
        .map(|(_, label)| format!("\"{label}\" is required. Enter and try again."))
        .collect();
    let email = address.get("email").and_then(Value::as_str);
    if [customer_email, email].into_iter().flatten().any(|email| !email.is_empty() && !is_email(email)) {
        wrong.push("Email has a wrong format".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    refusal(400, "We can't save the address:\n%1").with(json!([wrong.join("\n")])).refuse()
}

/// Whether the text can be an e-mail address.
pub(super) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

/// Fills in what the shop derives: an e-mail from the order, a region code where region and country do not match.
pub(super) fn complete(address: &mut Row, customer_email: Option<&Value>) {
    address.entry("address_type").or_insert_with(|| "billing".into());
    if let Some(email) = customer_email {
        address.entry("email").or_insert_with(|| email.clone());
    }
    let american = address.get("country_id").and_then(Value::as_str) == Some("US");
    if let Some(region) = address.get("region").filter(|_| !american || !address.contains_key("region_id")).cloned() {
        address.insert("region_code".to_owned(), region);
    }
}
