#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use super::*;

const PEM: &str = include_str!("fixtures/public-key.pem");
const COMMERCE_BODY: &[u8] = include_bytes!("fixtures/commerce-body.json");
const COMMERCE_SIGNED: &str = include_str!("fixtures/commerce-signature.txt");
const EVENT_BODY: &[u8] = include_bytes!("fixtures/event-body.json");
const EVENT_SIGNED: &str = include_str!("fixtures/event-signature.txt");
const KEY_PATH: &str = "/prod/keys/pub-key-1.pem";

const BODY: &[u8] = br#"{"event":{"data":{"value":{"entity_id":41,"increment_id":"000000041","status":"pending"}}}}"#;
const BASE64: &str = "QQhuNzuyhMwjn+Ps1OuSwa/0d1ISnlXEU+3XK5Qiq2I=";

fn hmac(secrets: &[&str]) -> Scheme {
    let secrets = secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect();
    Scheme::HmacSha256 { header: Scheme::HMAC_HEADER.to_owned(), secrets }
}

fn signed(value: &str) -> DeliveryHeaders {
    DeliveryHeaders::new([(Scheme::HMAC_HEADER, value)])
}

fn none() -> EventKeys {
    EventKeys::new()
}

#[test]
fn an_hmac_of_the_reference_is_taken_in_base64_and_in_hex() {
    let scheme = hmac(&["wh-secret-for-tests"]);
    let in_hex = hex::encode(STANDARD.decode(BASE64).unwrap());
    for value in [BASE64.to_owned(), in_hex.clone(), in_hex.to_uppercase(), format!("sha256={in_hex}")] {
        assert_eq!(scheme.verify(&signed(&value), BODY, &none()), Ok(()), "{value}");
    }
}

#[test]
fn both_secrets_hold_while_one_follows_the_other() {
    assert_eq!(hmac(&["new", "wh-secret-for-tests"]).verify(&signed(BASE64), BODY, &none()), Ok(()));
    assert_eq!(hmac(&["new", "other"]).verify(&signed(BASE64), BODY, &none()), Err(Refused::WrongSignature));
    assert_eq!(hmac(&[]).verify(&signed(BASE64), BODY, &none()), Err(Refused::NoKey));
}

#[test]
fn a_wrong_truncated_missing_or_doubled_signature_is_refused() {
    let scheme = hmac(&["wh-secret-for-tests"]);
    for value in ["", "AAAA", &BASE64[..40], "not base64 at all", "ß"] {
        assert_eq!(scheme.verify(&signed(value), BODY, &none()), Err(Refused::WrongSignature), "{value}");
    }
    assert_eq!(scheme.verify(&signed(BASE64), &BODY[1..], &none()), Err(Refused::WrongSignature));
    let nothing = DeliveryHeaders::default();
    assert_eq!(scheme.verify(&nothing, BODY, &none()), Err(Refused::NoSignature));
    let twice = DeliveryHeaders::new([(Scheme::HMAC_HEADER, BASE64), (Scheme::HMAC_HEADER, BASE64)]);
    assert_eq!(scheme.verify(&twice, BODY, &none()), Err(Refused::NoSignature));
}

#[test]
fn a_secret_in_a_header_is_compared_whole() {
    let secrets = vec!["old-secret".into(), "s3cret".into()];
    let scheme = Scheme::StaticHeader { header: "X-Shop-Secret".to_owned(), secrets };
    let with = |value: &str| DeliveryHeaders::new([("x-shop-secret", value)]);
    assert_eq!(scheme.verify(&with("s3cret"), BODY, &none()), Ok(()));
    for value in ["s3cre", "s3cret0", "", "S3CRET"] {
        assert_eq!(scheme.verify(&with(value), BODY, &none()), Err(Refused::WrongSignature), "{value}");
    }
    let empty = Scheme::StaticHeader { header: "x".to_owned(), secrets: vec!["".into()] };
    assert_eq!(empty.verify(&DeliveryHeaders::new([("x", "")]), BODY, &none()), Err(Refused::WrongSignature));
}

#[test]
fn a_webhook_of_the_shop_is_signed_over_the_base64_of_its_body() {
    let scheme = Scheme::CommerceRsa { keys: vec![PublicKey::from_pem(PEM).unwrap()] };
    let headers = DeliveryHeaders::new([(COMMERCE_SIGNATURE, COMMERCE_SIGNED)]);
    assert_eq!(scheme.verify(&headers, COMMERCE_BODY, &none()), Ok(()));
    // One blank more, as a library that reads and writes the JSON would put it.
    let mut changed = COMMERCE_BODY.to_vec();
    changed.push(b' ');
    assert_eq!(scheme.verify(&headers, &changed, &none()), Err(Refused::WrongSignature));
}

fn event_headers(first: &str, second: &str) -> DeliveryHeaders {
    DeliveryHeaders::new([
        ("x-adobe-digital-signature-1", first),
        ("x-adobe-digital-signature-2", second),
        ("x-adobe-public-key1-path", KEY_PATH),
        ("x-adobe-public-key2-path", KEY_PATH),
    ])
}

#[test]
fn one_valid_signature_of_an_event_is_enough_if_it_is_for_us() {
    let keys: EventKeys = [(EventKeyPath::parse(KEY_PATH).unwrap(), PublicKey::from_pem(PEM).unwrap())].into();
    let scheme = Scheme::IoEventsRsa { client_id: "5f0e3a7b9c".to_owned() };
    assert_eq!(scheme.verify(&event_headers(EVENT_SIGNED, "AAAA"), EVENT_BODY, &keys), Ok(()));
    assert_eq!(scheme.verify(&event_headers("AAAA", EVENT_SIGNED), EVENT_BODY, &keys), Ok(()));
    assert_eq!(scheme.verify(&event_headers("AAAA", "AAAA"), EVENT_BODY, &keys), Err(Refused::WrongSignature));
    assert_eq!(scheme.verify(&event_headers(EVENT_SIGNED, "AAAA"), EVENT_BODY, &none()), Err(Refused::NoKey));
    let stranger = Scheme::IoEventsRsa { client_id: "another".to_owned() };
    let refused = stranger.verify(&event_headers(EVENT_SIGNED, "AAAA"), EVENT_BODY, &keys);
    assert_eq!(refused, Err(Refused::WrongRecipient));
}

#[test]
fn a_scheme_does_not_show_its_secrets() {
    assert_eq!(format!("{:?}", hmac(&["wh-secret-for-tests"])), "hmac_sha256");
}
