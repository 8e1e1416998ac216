//! The whole table of routes, whatever it holds: what no route may do.

use std::collections::BTreeMap;

use mlc_accounts::{AccountName, ExposeSecret as _, NewToken, Role};
use mlc_producer::console::{RouteRow, route_table};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::{
    browser::{Browser, closed_site},
    private_redis::kill_the_only_job,
    site::Site,
};

/// Path, headers, body.
type Attempt<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8]);

const VENDORS: &str = "epicor_to_hubspot::vendors";

/// Texts that parts of paths and fields of forms are filled with: some of them are what a route looks for.
async fn seed(site: &Site) -> Vec<String> {
    site.rooms.set_caps().await.unwrap();
    site.redis.json(0, &["sync", VENDORS, "--no-wait"]);
    kill_the_only_job(&site.rooms).await;
    let letters = site.redis.json(0, &["dead-letters", "list"]);
    let letter = letters["items"][0]["job"]["id"].as_str().or_else(|| letters["items"][0]["id"].as_str());
    let letter = letter.unwrap_or_else(|| panic!("{letters}")).to_owned();
    site.redis.json(0, &["sync", "epicor_to_hubspot::customers", "--no-wait"]);
    let jobs = site.redis.json(0, &["jobs", "list"]);
    let job = jobs["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{jobs}")).to_owned();
    let known = [VENDORS, "hubspot-main", "EPIC06:VEND:118", "epicor_to_hubspot::vendors.1", "1", "token", "moving"];
    [letter, job].into_iter().chain(known.map(str::to_owned)).collect()
}

/// The address with its parts filled in by `part`.
fn filled(address: &str, mut part: impl FnMut() -> String) -> String {
    let parts = address.split('/').map(|text| if text.starts_with('{') { part() } else { text.to_owned() });
    parts.collect::<Vec<_>>().join("/")
}

/// Every address with every text in its parts.
fn all_filled(address: &str, texts: &[String]) -> Vec<String> {
    if !address.contains('{') {
        return vec![address.to_owned()];
    }
    texts.iter().map(|text| filled(address, || encoded(text.as_bytes()))).collect()
}

fn encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The digest of everything in Redis, by key; what a look may note is left out: when a session or a token was last used, what
/// workers and pages say of themselves, and counts of attempts to log in.
async fn everything(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let mut connection = redis(site).await;
    let (mut cursor, mut all) = (0_u64, BTreeMap::new());
    loop {
        let (next, keys): (u64, Vec<String>) =
            redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(1_000).query_async(&mut connection).await.unwrap();
        for key in keys {
            let noted = [":session:", ":token_uses", ":tries:", ":refusals", "presence"];
            if !noted.iter().any(|part| key.contains(part)) {
                let dump: Option<Vec<u8>> = redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
                all.insert(key, dump.unwrap_or_default());
            }
        }
        cursor = next;
        if cursor == 0 {
            return all;
        }
    }
}

async fn redis(site: &Site) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(site.rooms.settings.redis.url.as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The status of an answer and its head; a stream does not end, so its body is not waited for.
async fn head(site: &Site, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let mut stream = site.request(method, path, headers, body).await;
    let mut read = Vec::new();
    let mut piece = [0; 2_048];
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            // Whoever is refused for the head may find the connection reset before the answer is read.
            Ok(0) | Err(_) => break,
            Ok(n) => read.extend_from_slice(&piece[..n]),
        }
    }
    let text = String::from_utf8_lossy(&read).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, text.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase())
}

async fn token(site: &Site, role: Role) -> String {
    let owner = AccountName::parse("root").unwrap();
    let new = NewToken { owner, name: role.to_string(), role, lives: std::time::Duration::from_secs(3_600) };
    let secret = site.rooms.accounts.add_token(&new, site.rooms.clock.now()).await.unwrap();
    format!("Bearer {}", secret.expose_secret())
}

fn acting() -> Vec<RouteRow> {
    route_table().into_iter().filter(|row| row.acts).collect()
}

fn looking() -> Vec<RouteRow> {
    route_table().into_iter().filter(|row| !row.acts).collect()
}

fn is_api(address: &str) -> bool {
    address.starts_with("/api/v1")
}

#[test]
fn every_route_that_acts_names_its_entry_and_needs_a_role() {
    assert!(acting().len() >= 10 && looking().len() >= 4);
    for row in acting() {
        let what = row.audits.unwrap_or_else(|| panic!("{} acts without an entry", row.path));
        let sound = what.bytes().all(|c| c.is_ascii_lowercase() || b"_.".contains(&c));
        assert!(sound && !what.is_empty(), "{}: {what}", row.path);
        assert!(row.role.is_some() || row.path == "/login", "{} can be used by anybody", row.path);
    }
    for row in looking() {
        assert!(row.verb == "GET" || row.role.is_some(), "anybody may send {}", row.path);
    }
    let open: Vec<&str> = looking().iter().filter(|row| row.role.is_none()).map(|row| row.path).collect();
    assert_eq!(open, ["/login", "/assets/{digest}/{name}"]);
}

#[test]
fn a_misspelt_field_of_an_action_is_refused_and_not_lost() {
    let refuses = |input: &Value| {
        let name = input["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        input["definitions"][name]["additionalProperties"] == json!(false)
    };
    let lenient: Vec<&str> = acting()
        .iter()
        .filter(|row| row.input.as_ref().is_some_and(|input| !refuses(input)))
        .map(|row| row.path)
        .collect();
    // Whoever mistakes the field may send the secret as its name, which no refusal should repeat. What they need is asked for by name.
    assert_eq!(lenient, ["/connections/{name}/secrets/{secret}", "/login", "/account/password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing() {
    let site = Site::start().await;
    let texts = seed(&site).await;
    let mut before = everything(&site).await;
    assert!(before.len() > 5, "{:?}", before.keys());
    for row in looking() {
        for address in row.addresses.iter().flat_map(|address| all_filled(address, &texts)) {
            // Some questions are sent: they are told apart from actions in the table, and change as little.
            let methods: &[&str] = if row.verb == "GET" { &["GET", "HEAD"] } else { &["POST"] };
            for (method, text) in methods.iter().flat_map(|method| texts.iter().map(move |text| (method, text))) {
                let input = guess(row.input.as_ref(), text).to_string();
                let body = if row.verb == "GET" { "" } else { input.as_str() };
                let headers = [("content-type", "application/json")];
                let (status, _) = head(&site, method, &address, &headers, body.as_bytes()).await;
                assert!((200..500).contains(&status), "{method} {address}: {status}");
                if row.verb == "GET" {
                    break;
                }
            }
            let after = everything(&site).await;
            // An entry in the audit is what a look may leave, where the table says so.
            let audited = |key: &str| row.audits.is_some() && key.ends_with(":actions");
            for (key, value) in &before {
                assert!(audited(key) || after.get(key) == Some(value), "{} {address} changed {key}", row.verb);
            }
            let more: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key) && !audited(key)).collect();
            assert!(more.is_empty(), "{} {address} made {more:?}", row.verb);
            before = after;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_succeeds_without_its_entry() {
    let site = Site::start().await;
    let texts = seed(&site).await;
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for row in acting() {
        let empty = row.input.iter().map(|_| json!({}));
        let guesses = texts.iter().map(|text| guess(row.input.as_ref(), text));
        let inputs: Vec<Value> = empty.chain(guesses).chain([json!({})]).collect();
        for (address, input) in row.addresses.iter().flat_map(|address| {
            let inputs = &inputs;
            all_filled(address, &texts)
                .into_iter()
                .flat_map(move |filled| inputs.iter().map(move |input| (filled.clone(), input)))
        }) {
            let before = count(&site).await;
            let answer = if is_api(&address) {
                site.send("POST", &address, &[("content-type", "application/json")], input.to_string().as_bytes()).await
            } else {
                let fields: Vec<(&str, String)> = fields(input);
                let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                site.post_form(&address, &fields).await
            };
            let entries = count(&site).await - before;
            match answer.status {
                200 | 303 => {
                    assert!(entries > 0, "POST {address} {input} succeeded without an entry");
                    done.push(row.path);
                }
                400..=499 => {
                    assert!(entries == 0 || row.path == "/login", "POST {address} {input} failed with an entry");
                    refused.push(row.path);
                }
                status => panic!("POST {address} {input}: {status} {}", answer.text()),
            }
        }
    }
    done.sort_unstable();
    done.dedup();
    assert!(done.contains(&"/people"), "the guesses reach what can be done: {done:?}");
    assert!(!refused.is_empty());
}

async fn count(site: &Site) -> u64 {
    let key = "{mlcl:mlc}:actions";
    redis::cmd("XLEN").arg(key).query_async(&mut redis(site).await).await.unwrap()
}

/// What a route may take, by the schema of its fields: `text` where nothing else is known.
fn guess(input: Option<&Value>, text: &str) -> Value {
    let Some(input) = input else { return json!({}) };
    let name = input["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let definition = if name.is_empty() { &input["schema"] } else { &input["definitions"][name] };
    let fields = definition["properties"].as_object().cloned().unwrap_or_default();
    let value = |field: &str, schema: &Value| match field {
        "name" if text == "moving" => json!("nina"),
        "role" => json!("operator"),
        "reason" | "note" => json!("because"),
        "lives" => json!("1d"),
        _ => match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            _ => json!(text),
        },
    };
    Value::Object(fields.iter().map(|(field, schema)| (field.clone(), value(field, schema))).collect())
}

fn fields(input: &Value) -> Vec<(&str, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    input
        .as_object()
        .map(|all| all.iter().map(|(name, value)| (name.as_str(), text(value))).collect())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_makes_nobody_act() {
    let site = Site::start().await;
    let texts = seed(&site).await;
    let before = everything(&site).await;
    for row in route_table().into_iter().filter(|row| row.verb == "POST") {
        for address in row.addresses.iter().map(|address| filled(address, || encoded(texts[0].as_bytes()))) {
            for (name, value) in [
                ("origin", "https://evil.example"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                for content_type in ["application/x-www-form-urlencoded", "application/json", "text/plain"] {
                    let headers = [(name, value), ("content-type", content_type)];
                    let (status, _) = head(&site, "POST", &address, &headers, b"{}").await;
                    assert_eq!(status, 403, "{address} {name}: {value}");
                }
            }
        }
    }
    assert_eq!(everything(&site).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_anywhere_without_a_session_or_with_too_low_a_role() {
    let site = closed_site().await;
    let texts = seed(&site).await;
    let tokens =
        [(Role::ReadOnly, token(&site, Role::ReadOnly).await), (Role::Operator, token(&site, Role::Operator).await)];
    let sessions = [
        (Role::ReadOnly, cookie_line(&Browser::of(&site, "rita").await)),
        (Role::Operator, cookie_line(&Browser::of(&site, "olga").await)),
    ];
    let before = everything(&site).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for row in route_table() {
        let Some(needs) = row.role else { continue };
        for address in row.addresses.iter().map(|address| filled(address, || encoded(texts[0].as_bytes()))) {
            let (status, head_text) = head(&site, row.verb, &address, &[form], b"").await;
            match is_api(&address) {
                true => assert_eq!(status, 401, "{} {address}", row.verb),
                false => {
                    assert!(status == 303 && head_text.contains("location: /login?next="), "{address}: {head_text}")
                }
            }
            let mut low: Vec<(&str, &str)> = sessions
                .iter()
                .filter(|(role, _)| *role < needs)
                .map(|(_, cookie)| ("cookie", cookie.as_str()))
                .collect();
            if is_api(&address) {
                low.extend(
                    tokens.iter().filter(|(role, _)| *role < needs).map(|(_, token)| ("authorization", token.as_str())),
                );
            }
            for header in low {
                let (status, _) = head(&site, row.verb, &address, &[header, form], b"").await;
                assert_eq!(status, 403, "{} {address} {}", row.verb, header.0);
            }
        }
    }
    assert_eq!(everything(&site).await, before);
}

fn cookie_line(browser: &Browser<'_>) -> String {
    format!("__Host-mlc={}", browser.cookies["__Host-mlc"])
}

/// An action that is refused has its entry taken back: the audit holds no more than before, but knows that it once did.
fn without_actions(mut all: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    all.retain(|key, _| !key.ends_with(":actions"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_refused_and_never_break_anything() {
    let site = Site::start().await;
    let known = seed(&site).await;
    let mut random = StdRng::seed_from_u64(4_711);
    let mut bytes = move |n: usize| -> Vec<u8> { (0..n).map(|_| random.random()).collect() };
    // Sent to what is there, noise does nothing either.
    let before = (without_actions(everything(&site).await), count(&site).await);
    for row in acting() {
        for path in row.addresses.iter().flat_map(|address| all_filled(address, &known)) {
            for content_type in ["application/json", "application/x-www-form-urlencoded"] {
                let (status, _) = head(&site, "POST", &path, &[("content-type", content_type)], &bytes(5_000)).await;
                assert!((400..500).contains(&status), "POST {path} {content_type}: {status}");
            }
        }
    }
    assert_eq!((without_actions(everything(&site).await), count(&site).await), before);
    for row in route_table() {
        for address in &row.addresses {
            let noise = bytes(5_000);
            let text = encoded(&noise);
            let visible: String = noise.iter().map(|byte| char::from(0x21 + byte % 0x5d)).collect();
            let plain = filled(address, || encoded(&bytes(20)));
            let as_part = filled(address, || text.clone());
            let no_text = filled(address, || "%ff%fe".to_owned());
            let as_query = format!("{plain}?{text}");
            let as_values = format!("{plain}?after={text}&limit={text}&key={text}&id={text}&cause={text}&next={text}");
            let form = ("content-type", "application/x-www-form-urlencoded");
            let json = ("content-type", "application/json");
            let cookie = format!("flash={visible}; __Host-mlc={visible}; __Host-mlc-device={visible}");
            let value = format!("name={text}&password={text}&reason={text}&token={text}&payload={text}");
            let quoted = json!({ "name": visible, "role": visible, "reason": visible, "payload": visible }).to_string();
            let attempts: [Attempt<'_>; 12] = [
                (&no_text, &[form], b""),
                (&as_part, &[form], b""),
                (&as_query, &[form], b""),
                (&as_values, &[form], b""),
                (&plain, &[form], &noise),
                (&plain, &[form], value.as_bytes()),
                (&plain, &[json], &noise),
                (&plain, &[json], quoted.as_bytes()),
                (&plain, &[form, ("cookie", &cookie)], b""),
                (&plain, &[form, ("authorization", &visible), ("user-agent", &visible)], b""),
                (
                    &plain,
                    &[
                        form,
                        ("x-forwarded-for", &visible),
                        ("last-event-id", &visible),
                        ("x-console-fragment", &visible),
                    ],
                    b"",
                ),
                (&plain, &[("content-type", &visible), ("accept", &visible)], &noise),
            ];
            for (path, headers, body) in attempts {
                let (status, text) = head(&site, row.verb, path, headers, body).await;
                assert!((200..500).contains(&status), "{} {} {:?}: {status}", row.verb, row.path, headers[0].0);
                // What the HTTP server itself cannot take does not reach us.
                let ours = ![414, 431].contains(&status);
                assert!(!ours || text.contains("nosniff"), "{} {} {:?}: {status}", row.verb, row.path, headers[0].0);
            }
        }
    }
    assert_eq!(site.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_takes_its_own_methods_and_no_other() {
    let site = Site::start().await;
    let texts = seed(&site).await;
    let table = route_table();
    let verbs = |address: &str| -> Vec<&str> {
        table.iter().filter(|row| row.addresses.iter().any(|one| one == address)).map(|row| row.verb).collect()
    };
    for address in table.iter().flat_map(|row| &row.addresses) {
        let path = filled(address, || encoded(texts[0].as_bytes()));
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"] {
            let (status, text) = head(&site, method, &path, &[], b"").await;
            assert!(status == 405 && text.contains("\r\nallow: "), "{method} {path}: {text}");
        }
        if !verbs(address).contains(&"POST") {
            assert_eq!(head(&site, "POST", &path, &[], b"").await.0, 405, "{path}");
        }
        if verbs(address).contains(&"GET") {
            let (get, _) = head(&site, "GET", &path, &[], b"").await;
            assert_eq!(head(&site, "HEAD", &path, &[], b"").await.0, get, "{path}");
        } else {
            assert_eq!(head(&site, "GET", &path, &[], b"").await.0, 405, "{path}");
        }
    }
}
