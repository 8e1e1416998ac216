//! Every secret and every personal field is a canary; then all that the processes wrote is searched for them: logs at debug level, pages, printed
//! tables, every key and value in Redis, and its append-only file.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use mlc_flow::Extent;
use mlc_house::{CUSTOMERS, House, HouseConfig, Persistence, PrivateRedis, TOKEN, VENDORS};
use mlc_model::{ConnectionId, FlowId};
use mlc_simulators::{epicor, hubspot, hubspot::HubspotConfig};
use mlc_vault::SecretString;
use redis::{Value, aio::MultiplexedConnection};
use serde_json::json;

use crate::{
    canaries::{CLIENT_SECRET, Findings, PHONE, REFRESH_TOKEN, STEM, needles},
    processes::Process,
};

const FIRMS: usize = 24;
/// Firms before this one are wrong in some way.
const GOOD_FROM: usize = 8;
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_personal_field_is_in_anything_that_the_processes_wrote() {
    let redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let mut house = open(&redis).await;
    let ports = [free_port(), free_port()];
    let listen = ports.map(|port| format!("127.0.0.1:{port}"));
    let first = Process::worker(&house, &[("MLC__WORKER__LISTEN", &listen[0])]);
    // The other one logs in by tokens of both systems, which are sealed in Redis and renewed.
    let with_passwords = house.settings_text.clone();
    house.settings_text = with_passwords
        .replace("company = \"EPIC06\"", "company = \"EPIC06\"\nauth = \"token_resource\"")
        .replace("burst = 250", "burst = 250\nauth = \"oauth2\"");
    let second = Process::worker(&house, &[("MLC__WORKER__LISTEN", &listen[1]), ("MLC__LOG__FORMAT", "human")]);
    house.settings_text = with_passwords;

    let mut producer = Process::mlc(&house, &["produce"]);

    trouble_at_epicor(&house);
    trouble_at_hubspot(&house);
    let mut found = Findings::default();
    for round in 0..2 {
        for flow in [VENDORS, CUSTOMERS] {
            house.order(flow, Extent::Full).await.unwrap();
        }
        settle_and_resume(&house).await;
        let letters = house.dead_letters().await.unwrap();
        found.look_at(&format!("dead letters of round {round}"), &format!("{letters:?}"));
        assert!(round > 0 || letters.len() > 5, "only {} dead letters: this would prove little", letters.len());
        let ids: Vec<_> = letters.into_iter().map(|letter| letter.job.id).collect();
        house.context.queue.replay(&ids, "test").await.unwrap();
        settle_and_resume(&house).await;
    }
    assert!(producer.terminate(SOON).await.0.success(), "{}", producer.log());
    found.look_at("log of the producer", &producer.log());
    let unused = (house.epicor.faults().waiting().to_vec(), house.hubspot.faults().pending());
    assert!(unused.0.is_empty() && unused.1.is_empty(), "faults that never struck: {unused:?}");
    assert!(house.epicor.stats().tokens > 0 && house.hubspot.stats().tokens_granted > 0, "no token was issued");
    // All of it went through: otherwise nothing could have leaked.
    let companies = house.hubspot.companies();
    let good = companies.iter().filter(|company| company.value("name").contains(STEM)).count();
    assert!(good >= 2 * (FIRMS - GOOD_FROM), "only {good} companies arrived");
    assert!(house.hubspot.contacts().iter().any(|contact| contact.value("email").contains(STEM)));

    look_at_commands(&house, &mut found).await;
    for (name, worker, port) in [("first worker", &first, ports[0]), ("second worker", &second, ports[1])] {
        for path in ["/metrics", "/healthz", "/readyz"] {
            found.look_at(&format!("{path} of the {name}"), &page(port, path));
        }
        let log = worker.log();
        assert!(log.contains("is on the dead-letter shelf"), "the {name} logs less than it does");
        found.look_at(&format!("log of the {name}"), &log);
    }
    found.look_at("debug form of the context", &format!("{:?}", house.context));
    look_at_redis(&redis, &mut found).await;
    look_at_files(redis.folder(), &mut found);
    look_at_ledger(&house, &mut found).await;

    let needles = needles(&house);
    found.prove_the_search_works(
        &needles,
        &[
            ("log of the first worker", "epicor-main"),
            ("log of the second worker", "hubspot-main"),
            ("/metrics of the first worker", "mlc_"),
            ("redis", "epic06:vend:"),
            ("file", "epic06:vend:"),
            ("log of the producer", "epicor_to_hubspot"),
            ("mlc dead-letters", "epic06:"),
            ("audit", "epic06:"),
        ],
    );
    let leaks = found.leaks(&needles);
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

/// What people are shown, on a good day and when both systems refuse the credentials.
async fn look_at_commands(house: &House, found: &mut Findings) {
    let letter = house.dead_letters().await.unwrap()[0].job.id.to_string();
    let commands: &[&[&str]] = &[
        &["check"],
        &["connection", "list"],
        &["jobs"],
        &["dead-letters", "list"],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "show", &letter],
        &["window", "list", VENDORS],
        &["audit", "record", VENDORS, "EPIC06:VEND:2"],
        &["ping"],
    ];
    for arguments in commands {
        look_at_command(house, arguments, 0, found).await;
    }
    house.hubspot.revoke_token(TOKEN);
    house.epicor.faults().add(epicor::Fault::once("*", epicor::FaultKind::Key401).times(50));
    look_at_command(house, &["ping"], 1, found).await;
}

pub(crate) async fn look_at_command(house: &House, arguments: &[&str], code: i32, found: &mut Findings) {
    let name = format!("mlc {}", arguments.join(" "));
    let mut command = Process::mlc(house, arguments);
    let status = command.ended(SOON).await;
    let printed = command.log();
    assert_eq!(status.code(), Some(code), "`{name}`: {printed}");
    assert!(!printed.is_empty(), "`{name}` printed nothing");
    found.look_at(&name, &printed);
}

async fn open(redis: &PrivateRedis) -> House {
    let config = HouseConfig {
        redis_url: Some(redis.url()),
        page_rows: 10,
        hubspot: HubspotConfig {
            client_secret: CLIENT_SECRET.to_owned(),
            refresh_token: REFRESH_TOKEN.to_owned(),
            ..HubspotConfig::without_limits()
        },
        // HubSpot refuses texts here and quotes them.
        flow_lines: "fields = { numberofemployees = \"FaxNum\", industry = \"Comment\" }".to_owned(),
        ..HouseConfig::default()
    };
    let house = House::open_without_worker(config).await.unwrap();
    let connection = ConnectionId::parse("hubspot-main").unwrap();
    let client_id = HubspotConfig::default().client_id;
    for (name, secret) in
        [("client_id", client_id.as_str()), ("client_secret", CLIENT_SECRET), ("refresh_token", REFRESH_TOKEN)]
    {
        house.secrets.set(&connection, name, SecretString::from(secret.to_owned())).await.unwrap();
    }
    seed(&house);
    house
}

/// Firms and persons made of canaries, some of them wrong in every way that somebody quotes a value for.
fn seed(house: &House) {
    let mut store = house.epicor.store();
    for number in 0..FIRMS {
        let mut firm = json!({
            "VendorID": format!("V{number}"), "CustID": format!("C{number}"), "CustomerType": "CUS",
            "Name": format!("{STEM}name{number} Works"),
            "Address1": format!("{STEM}street{number} 5"), "Address2": format!("{STEM}second{number}"),
            "Address3": format!("{STEM}third{number}"),
            "City": format!("{STEM}city{number}"), "State": format!("{STEM}state{number}"),
            "ZIP": format!("{STEM}zip{number}"), "Zip": format!("{STEM}zip{number}"),
            "PhoneNum": format!("+1 {PHONE}{number}"), "EMailAddress": format!("{STEM}firm{number}@{STEM}.example"),
            "VendURL": format!("www.{STEM}{number}.example"), "CustURL": format!("https://{STEM}{number}.example"),
        });
        let wrong = match number {
            0 => json!({"Name": format!("{STEM}bell\u{7}name")}),
            1 => json!({"Name": STEM.repeat(9000)}),
            2 => json!({"EMailAddress": format!("{STEM} at nowhere")}),
            3 => json!({"VendURL": format!("http://{STEM}:{STEM}@{STEM}"), "CustURL": format!("{STEM}\u{0}")}),
            4 => json!({"FaxNum": format!("{STEM}fax")}),
            5 => json!({"Comment": format!("{STEM}remark")}),
            6 => json!({"Name": "", "City": format!("{STEM}onlycity")}),
            7 => json!({"VendorID": "", "CustID": ""}),
            _ => json!({}),
        };
        firm.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (vendor, customer) = (store.insert_vendor(&firm).unwrap(), store.insert_customer(&firm).unwrap());
        if number < GOOD_FROM {
            // A person would wait for the firm, and nothing new would be seen.
            continue;
        }
        let email = match number {
            8 => format!("{STEM}person.nowhere"),
            9 => format!("{STEM}one@{STEM}.example; {STEM}two@{STEM}.example"),
            // Good for us; HubSpot refuses it and quotes it.
            10 => format!("{STEM}person@{STEM}.invalid"),
            11 | 12 => format!("{STEM}shared@{STEM}.example"),
            _ => format!("{STEM}person{number}@{STEM}.example"),
        };
        let person = json!({
            "VendorNum": vendor, "CustNum": customer, "PurPoint": "", "ShipToNum": "", "ConNum": 1,
            "Name": format!("{STEM}full{number} Berg"), "FirstName": format!("{STEM}first{number}"),
            "LastName": format!("{STEM}last{number}"), "ContactTitle": format!("{STEM}title{number}"),
            "Func": format!("{STEM}func{number}"), "EmailAddress": email, "EMailAddress": email,
            "PhoneNum": format!("+1 {PHONE}{number}"), "CellPhoneNum": format!("+1 {PHONE}{number}"),
        });
        store.insert_vendor_contact(&person).unwrap();
        store.insert_customer_contact(&person).unwrap();
    }
}

fn trouble_at_epicor(house: &House) {
    use epicor::FaultKind as Kind;
    // What loses rows strikes lists that carry their own persons: those of a customer that is missing would wait for it.
    let losing = [
        Kind::Key401,
        Kind::NullKeys,
        Kind::WrongTypes,
        Kind::Access401,
        Kind::Business400,
        Kind::RecordNotFound500,
        Kind::DuplicateRows,
        Kind::ODataError400,
        Kind::Duplicate500,
    ];
    let passing = [
        Kind::Login401,
        Kind::TruncatedJson,
        Kind::Html502,
        Kind::Html200,
        Kind::Hidden500,
        Kind::ResetAfter,
        Kind::Session410,
        Kind::TooMany429,
        Kind::Empty504,
    ];
    for (route, kinds) in [("Vendors", losing), ("Cust", passing)] {
        for (place, kind) in (0..).zip(kinds) {
            // With good answers in between.
            let fault = epicor::Fault { after: place, rows: Some(3), ..epicor::Fault::once(route, kind) };
            house.epicor.faults().add(fault);
        }
    }
    let long = epicor::Fault {
        size: Some(200_000),
        after: 3,
        ..epicor::Fault::once("Vendors", epicor::FaultKind::HugeString)
    };
    house.epicor.faults().add(long);
}

fn trouble_at_hubspot(house: &House) {
    use hubspot::FaultKind as Kind;
    for kind in [
        Kind::RevokedToken,
        Kind::TenSecondly,
        Kind::BadGateway,
        Kind::TruncatedJson,
        Kind::MissingScope,
        Kind::ResetAfterWrite,
        Kind::WrongTypes,
        Kind::ExpiredToken,
        Kind::Html200,
        Kind::Internal,
        Kind::WithoutTraceIds,
        Kind::ExtraFields,
        Kind::Locked,
        Kind::EdgeDown,
    ] {
        let fault = hubspot::Fault { retry_after: Some(1), ..hubspot::Fault::times("batch/upsert", kind, 1) };
        house.hubspot.faults().add(fault);
    }
    house.hubspot.faults().add(hubspot::Fault::times("associations", Kind::TruncatedJson, 1));
    house.hubspot.faults().add(hubspot::Fault::times("associations", Kind::WrongTypes, 1));
}

/// Waits until all work is done; a held lane is resumed, as a person would do after setting the credentials right.
pub(crate) async fn settle_and_resume(house: &House) {
    let started = Instant::now();
    loop {
        let lanes = house.context.queue.lanes().await.unwrap();
        if lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0) {
            return;
        }
        for lane in lanes.iter().filter(|lane| lane.held.is_some()) {
            house.context.queue.resume(&lane.lane, "test").await.unwrap();
        }
        assert!(started.elapsed() < SOON, "jobs are left: {lanes:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn look_at_redis(redis: &PrivateRedis, found: &mut Findings) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut cursor = "0".to_owned();
    loop {
        let (next, keys): (String, Vec<Vec<u8>>) =
            redis::cmd("SCAN").arg(&cursor).arg("COUNT").arg(1000).query_async(&mut connection).await.unwrap();
        for key in keys {
            let mut text = lossy(&key);
            let name = format!("redis {text}");
            text.push('\n');
            add_text(&value_of(&mut connection, &key).await, &mut text);
            found.look_at(&name, &text);
        }
        cursor = next;
        if cursor == "0" {
            return;
        }
    }
}

async fn value_of(connection: &mut MultiplexedConnection, key: &[u8]) -> Value {
    let kind: String = redis::cmd("TYPE").arg(key).query_async(connection).await.unwrap();
    let (command, arguments): (&str, &[&str]) = match kind.as_str() {
        "string" => ("GET", &[]),
        "hash" => ("HGETALL", &[]),
        "list" => ("LRANGE", &["0", "-1"]),
        "set" => ("SMEMBERS", &[]),
        "zset" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        "stream" => ("XRANGE", &["-", "+"]),
        // It expired in between.
        "none" => return Value::Nil,
        other => panic!("a key of type {other}"),
    };
    redis::cmd(command).arg(key).arg(arguments).query_async(connection).await.unwrap()
}

fn add_text(value: &Value, text: &mut String) {
    match value {
        Value::BulkString(bytes) => {
            text.push_str(&lossy(bytes));
            text.push('\n');
        }
        Value::Array(values) | Value::Set(values) => values.iter().for_each(|value| add_text(value, text)),
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            add_text(key, text);
            add_text(value, text);
        }),
        other => {
            let _ = writeln!(text, "{other:?}");
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file below the folder: the append-only file tells what any value ever was.
pub(crate) fn look_at_files(folder: &Path, found: &mut Findings) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            look_at_files(&entry.path(), found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            found.look_at(&format!("file {}", entry.file_name().display()), &lossy(&bytes));
        }
    }
}

async fn look_at_ledger(house: &House, found: &mut Findings) {
    for flow in [VENDORS, CUSTOMERS] {
        let flow = FlowId::parse(flow).unwrap();
        let entries = house.context.ledger.audit_flow(&flow, 10_000).await.unwrap();
        found.look_at(&format!("audit of {flow}"), &serde_json::to_string(&entries).unwrap());
        let windows = house.context.ledger.windows(&flow, 1000).await.unwrap();
        found.look_at(&format!("windows of {flow}"), &serde_json::to_string(&windows).unwrap());
    }
}

pub(crate) fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    answer
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
