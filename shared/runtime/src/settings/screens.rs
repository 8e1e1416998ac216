//! Where a business system shows a record to people: addresses with placeholders, by what the record is.

use std::collections::BTreeMap;

use mlc_model::ConnectionId;
use url::Url;

use super::reading::Reading;

/// What a screen can show.
pub const SCREENS: [&str; 7] =
    ["vendors", "customers", "contacts", "purchase_orders", "ap_invoices", "orders", "invoices"];
/// What an address may leave open.
const PLACEHOLDERS: [&str; 4] = ["id", "key", "number", "company"];
/// Longest address.
const LENGTH: usize = 2_000;

/// One record, as a screen finds it.
#[derive(Debug, Clone, Copy)]
pub struct ScreenOf<'a> {
    /// `{id}`: the record's id in that system; `None` when it is not known there.
    pub id: Option<&'a str>,
    /// `{key}`: `EPIC06:VEND:118`.
    pub key: &'a str,
    /// `{number}`: the last part of the key.
    pub number: &'a str,
    /// `{company}`: the first part of the key.
    pub company: &'a str,
}

impl ScreenOf<'_> {
    /// The address with its placeholders filled in and encoded. `None` when it needs an id that is not known, or is no web address.
    pub fn address(&self, template: &str) -> Option<String> {
        let mut address = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            address.push_str(before);
            let (name, after) = after.split_once('}')?;
            let value = match name {
                "id" => self.id?,
                "key" => self.key,
                "number" => self.number,
                "company" => self.company,
                _ => return None,
            };
            address.push_str(&encoded(value));
            rest = after;
        }
        address.push_str(rest);
        let url = Url::parse(&address).ok()?;
        matches!(url.scheme(), "https" | "http").then(|| url.to_string())
    }
}

/// Everything but letters, digits, `-`, `_`, `.` and `~` as `%XX`, so that a value stays one part of path or query.
fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().fold(String::new(), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Notes what is wrong with the screens of a connection.
pub(super) fn check_screens(id: &ConnectionId, screens: &BTreeMap<String, String>, reading: &mut Reading<'_>) {
    for (kind, template) in screens {
        let at = ["connections", id.as_str(), "screens", kind.as_str()];
        if !SCREENS.contains(&kind.as_str()) {
            reading.wrong(&at, "is nothing that a screen is asked for", format!("use one of {}", SCREENS.join(", ")));
            continue;
        }
        if let Some(problem) = problem_of(template) {
            let fix = "use an address such as \"https://erp.example.com/vendors?num={number}\" with {id}, {key}, {number} and {company} \
                       behind the host";
            reading.wrong(&at, problem, fix);
        }
    }
}

fn problem_of(template: &str) -> Option<&'static str> {
    if template.len() > LENGTH {
        return Some("is longer than 2000 bytes");
    }
    let opened = template.split('{').skip(1).map(|part| part.split_once('}').map(|(name, _)| name));
    for name in opened {
        if !name.is_some_and(|name| PLACEHOLDERS.contains(&name)) {
            return Some("has a placeholder that nobody fills in");
        }
    }
    let sample = ScreenOf { id: Some("1"), key: "A:VEND:1", number: "1", company: "A" };
    if sample.address(template).is_none() {
        return Some("is no web address");
    }
    // What a record is called must not decide which host a link leads to.
    let authority = template.split_once("//").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match authority {
        Some(authority) if !authority.contains('{') && !authority.contains('@') => None,
        _ => Some("leaves its host open, or holds a login"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: ScreenOf<'_> = ScreenOf { id: None, key: "EPIC06:APINV:118/A&B", number: "118/A&B", company: "EPIC06" };

    #[test]
    fn a_value_stays_one_part_of_the_address() {
        let address = OF.address("https://erp.example.com/inv?num={number}&c={company}#top");
        assert_eq!(address.as_deref(), Some("https://erp.example.com/inv?num=118%2FA%26B&c=EPIC06#top"));
    }

    #[test]
    fn an_address_that_needs_an_unknown_id_is_no_link() {
        assert_eq!(OF.address("https://app.example.com/{id}"), None);
        let known = ScreenOf { id: Some("19033410077"), ..OF };
        assert_eq!(
            known.address("https://app.example.com/{id}").as_deref(),
            Some("https://app.example.com/19033410077")
        );
    }

    #[test]
    fn what_would_run_or_lead_elsewhere_is_refused() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,{key}",
            "https://{number}.example.com/",
            "https://example.com/{name}",
            "https://example.com/{id",
            "//example.com/{id}",
            "https://anna:x@example.com/",
            "ftp://example.com/{id}",
        ] {
            assert!(problem_of(bad).is_some(), "{bad}");
        }
        assert_eq!(problem_of("http://erp.example.com/vendors/{number}"), None);
    }
}
