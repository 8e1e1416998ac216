//! The section `webhook` of a connection.

use super::*;

#[test]
fn an_endpoint_without_what_its_scheme_needs_is_refused() {
    let at = |key: &str| format!("connections.shop-main.webhook.{key}");
    let webhook = |keys: &str| with("#shop", &format!("webhook = {{ {keys} }}"));
    refused(webhook("body_limit = 2048"), &at("scheme"), "is missing");
    refused(webhook("scheme = \"none\""), &at("scheme"), "`none` is not known here, expected `hmac_sha256`");
    refused(webhook("scheme = \"static_header\""), &at("header"), "is missing");
    refused(webhook("scheme = \"static_header\", header = \"Content-Type\""), &at("header"), "has another meaning");
    refused(webhook("scheme = \"hmac_sha256\", header = \"a b\""), &at("header"), "is not a name of a header");
    refused(webhook("scheme = \"commerce_rsa\""), &at("public_keys"), "names 0 files");
    refused(webhook("scheme = \"io_events_rsa\""), &at("recipient"), "is missing");
    let keys = "scheme = \"io_events_rsa\", recipient = \"me\", keys_url = \"http://keys.example.com\"";
    refused(webhook(keys), &at("keys_url"), "in the clear");
    for good in [
        "scheme = \"hmac_sha256\"",
        "scheme = \"hmac_sha256\", header = \"X-Signature\", remember = \"30d\", body_limit = 1024",
        "scheme = \"static_header\", header = \"x-webhook-secret\"",
        "scheme = \"io_events_rsa\", recipient = \"me\", keys_url = \"http://127.0.0.1:9999\"",
    ] {
        assert!(webhook(good).is_ok(), "{good}: {:?}", webhook(good));
    }
}

#[test]
fn keys_of_commerce_must_be_one_or_two_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "x").unwrap();
        format!("\"{}\"", path.display())
    };
    let (one, two, three) = (file("1.pem"), file("2.pem"), file("3.pem"));
    let webhook =
        |files: &str| with("#shop", &format!("webhook = {{ scheme = \"commerce_rsa\", public_keys = [{files}] }}"));
    let key = "connections.shop-main.webhook.public_keys";
    assert!(webhook(&one).is_ok());
    assert!(webhook(&format!("{one}, {two}")).is_ok());
    refused(webhook(&format!("{one}, {two}, {three}")), key, "names 3 files");
    refused(webhook(&format!("{one}, {one}")), key, "names one file twice");
    refused(webhook("\"/nowhere/1.pem\""), key, "cannot be opened");
}

#[test]
fn a_key_of_another_scheme_is_refused_because_it_would_check_nothing() {
    let at = |key: &str| format!("connections.shop-main.webhook.{key}");
    for (scheme, key, value, owner) in [
        ("hmac_sha256", "public_keys", "[]", "\"commerce_rsa\""),
        ("hmac_sha256", "recipient", "\"me\"", "\"io_events_rsa\""),
        ("io_events_rsa\", recipient = \"me", "header", "\"x-a\"", "\"hmac_sha256\" or \"static_header\""),
        ("hmac_sha256", "keys_url", "\"https://k.example.com\"", "\"io_events_rsa\""),
    ] {
        let found = with("#shop", &format!("webhook = {{ scheme = \"{scheme}\", {key} = {value} }}"));
        refused(found, &at(key), &format!("set scheme = {owner}"));
    }
}

#[test]
fn limits_of_an_endpoint_have_ranges() {
    let at = |key: &str| format!("connections.shop-main.webhook.{key}");
    for (key, bad, range) in [
        ("body_limit", "1023", "use 1024 to 67108864"),
        ("body_limit", "67108865", "use 1024 to 67108864"),
        ("remember", "\"59m\"", "use 1h to 30d"),
        ("remember", "\"31d\"", "use 1h to 30d"),
    ] {
        refused(with("#shop", &format!("webhook = {{ scheme = \"hmac_sha256\", {key} = {bad} }}")), &at(key), range);
    }
}
