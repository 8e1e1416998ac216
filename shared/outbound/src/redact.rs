//! Takes secrets out of texts that people and logs will see.

use base64::{Engine, engine::general_purpose::STANDARD};
use mlc_model::Fault;
use secrecy::{ExposeSecret, SecretString};

const REDACTED: &str = "[redacted]";

/// Shorter values are no secrets but would punch holes into ordinary words.
const SHORTEST_SECRET: usize = 4;

/// Replaces every one of `secrets` in `text`, as it stands and as it looks inside a URL or in Base64, and whatever
/// follows `Bearer` and `Basic`. The result is cut at [`Fault::MESSAGE_LIMIT`] characters, after the replacement, so
/// that the cut cannot leave half a secret.
pub fn redact(text: &str, secrets: &[SecretString]) -> String {
    let clean = hide(text, secrets);
    match clean.char_indices().nth(Fault::MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// As [`redact`], for a whole body: nothing is cut.
pub(crate) fn hide(text: &str, secrets: &[SecretString]) -> String {
    let mut needles = Vec::new();
    for secret in secrets {
        add_forms(secret.expose_secret(), &mut needles);
    }
    // The longest first: a secret may be part of another one.
    needles.sort_by_key(|needle: &String| std::cmp::Reverse(needle.len()));
    needles.dedup();
    let mut clean = text.to_owned();
    for needle in &needles {
        clean = clean.replace(needle.as_str(), REDACTED);
    }
    hide_after_scheme(&clean)
}

/// All the ways in which a header's value can come back in an answer.
fn add_forms(value: &str, needles: &mut Vec<String>) {
    let value = value.trim();
    if let Some(token) = value.strip_prefix("Bearer ") {
        return add_forms(token, needles);
    }
    if let Some(pair) = value.strip_prefix("Basic ") {
        let decoded = STANDARD.decode(pair).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) {
            add_forms(password, needles);
        }
        needles.push(pair.to_owned());
        return;
    }
    if value.len() < SHORTEST_SECRET {
        return;
    }
    needles.push(value.to_owned());
    needles.push(STANDARD.encode(value));
    needles.push(url::form_urlencoded::byte_serialize(value.as_bytes()).collect());
}

/// Hides the word after `Bearer` or `Basic`, where it looks like a credential: a token of another party in an echo.
fn hide_after_scheme(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, scheme)) = ["Bearer ", "Basic ", "bearer ", "basic "]
        .into_iter()
        .filter_map(|scheme| rest.find(scheme).map(|at| (at, scheme)))
        .min()
    {
        let (before, after) = rest.split_at(at + scheme.len());
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '<')).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        // "Basic authentication" is prose; tokens have digits or punctuation, or are long.
        let credential = word.len() >= 16 || word.chars().any(|c| c.is_ascii_digit() || matches!(c, '=' | '+' | '/'));
        clean.push_str(if credential { REDACTED } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn an_echoed_api_key_is_taken_out() {
        let clean = redact("Invalid API Key kEy+9=x.\r\nCompany EPIC06.", &[secret("kEy+9=x")]);
        assert_eq!(clean, "Invalid API Key [redacted].\r\nCompany EPIC06.");
    }

    #[test]
    fn encoded_forms_are_taken_out_too() {
        let basic = format!("Basic {}", STANDARD.encode("anna:geheim77"));
        let text = format!("a {} b pw=p%2Bw%2Fd+x c geheim77", STANDARD.encode("anna:geheim77"));
        let clean = redact(&text, &[secret(&basic), secret("p+w/d x")]);
        assert_eq!(clean, "a [redacted] b pw=[redacted] c [redacted]");
    }

    #[test]
    fn an_unknown_bearer_is_hidden_but_prose_stays() {
        let clean = redact("sent Bearer pat-eu1-77aa, not Basic authentication", &[]);
        assert_eq!(clean, "sent Bearer [redacted], not Basic authentication");
    }

    #[test]
    fn the_cut_comes_after_the_replacement() {
        let text = format!("{}{}", "x".repeat(Fault::MESSAGE_LIMIT - 5), "verysecretvalue");
        let clean = redact(&text, &[secret("verysecretvalue")]);
        assert!(!clean.contains("very"));
    }
}
