//! As `secrets_stay_hidden`, for a house with a shop: its secrets, the persons of its orders and companies, and those of vendors and
//! purchase orders are canaries, in every flow, in both editions, through webhooks good and bad; then all that was written is searched.

use std::{net::SocketAddr, time::Duration};

use mlc_flow::Extent;
use mlc_house::{
    COMPANIES, House, HouseConfig, INVOICES_IN, Persistence, PrivateRedis, REQUISITIONS, SHOP_INVOICES, SHOP_ORDERS,
    SHOP_VENDORS,
};
use mlc_ledger::ReviewState;
use mlc_model::FlowId;
use mlc_simulators::{
    adobe::{AdobeConfig, Fault, FaultKind, Integration},
    epicor::{NewInvoice, NewInvoiceLine, NewOrder, NewOrderLine},
};
use serde_json::{Value, json};

use crate::{
    canaries::{
        Findings, PHONE, SHOP_CLIENT_SECRET, SHOP_CONSUMER_SECRET, SHOP_TOKEN, SHOP_TOKEN_SECRET, STEM,
        WEBHOOK_SECRETS, needles,
    },
    processes::{Process, eventually},
    secrets_stay_hidden::{free_port, look_at_command, look_at_files, look_at_redis, page, settle_and_resume},
    sender::{SIGNATURE, send, signed},
    shopper::{order, piece, place},
};

const SOON: Duration = Duration::from_secs(60);
const PATH: &str = "/webhooks/adobe/shop-main";
const FLOWS: [&str; 6] = [SHOP_VENDORS, SHOP_ORDERS, SHOP_INVOICES, COMPANIES, REQUISITIONS, INVOICES_IN];
const VENDORS: i64 = 12;
/// Vendors before this one are wrong in some way.
const GOOD_FROM: i64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_paas_shop_or_its_persons_is_in_anything_that_the_processes_wrote() {
    assert_hidden(AdobeConfig::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_saas_shop_or_its_persons_is_in_anything_that_the_processes_wrote() {
    assert_hidden(AdobeConfig::saas()).await;
}

async fn assert_hidden(shop: AdobeConfig) {
    let redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let house = open(&redis, shop).await;
    let ports = [free_port(), free_port(), free_port()];
    let [worker_at, producer_at, webhooks_at] = ports.map(|port| format!("127.0.0.1:{port}"));
    let worker = Process::worker(&house, &[("MLC__WORKER__LISTEN", &worker_at)]);
    let listen = [("MLC__PRODUCER__LISTEN", producer_at.as_str()), ("MLC__PRODUCER__WEBHOOKS", &webhooks_at)];
    let mut producer = Process::mlc_with(&house, &["produce"], &listen);
    let webhooks: SocketAddr = webhooks_at.parse().unwrap();
    eventually("the intake is open", SOON, async || std::net::TcpStream::connect(webhooks).is_ok()).await;

    let mut found = Findings::default();
    seed(&house);
    trouble(&house);
    for round in 0..2 {
        for flow in [SHOP_VENDORS, SHOP_ORDERS, SHOP_INVOICES, COMPANIES] {
            house.order(flow, Extent::Full).await.unwrap();
            settle_and_resume(&house).await;
        }
        edit_companies(&house, round);
        post_webhooks(&house, webhooks, round, &mut found).await;
        settle_and_resume(&house).await;
        let letters = house.dead_letters().await.unwrap();
        found.look_at(&format!("dead letters of round {round}"), &format!("{letters:?}"));
        assert!(round > 0 || letters.len() > 5, "only {} dead letters: this would prove little", letters.len());
        let ids: Vec<_> = letters.into_iter().map(|letter| letter.job.id).collect();
        house.context.queue.replay(&ids, "test").await.unwrap();
        settle_and_resume(&house).await;
    }
    assert_it_went_through(&house).await;

    look_at_commands(&house, &mut found).await;
    for (name, port) in [("worker", ports[0]), ("producer", ports[1])] {
        for path in ["/metrics", "/healthz", "/readyz"] {
            found.look_at(&format!("{path} of the {name}"), &page(port, path));
        }
    }
    assert!(producer.terminate(SOON).await.0.success(), "{}", producer.log());
    found.look_at("log of the producer", &producer.log());
    found.look_at("log of the worker", &worker.log());
    found.look_at("debug form of the context", &format!("{:?}", house.context));
    look_at_redis(&redis, &mut found).await;
    look_at_files(redis.folder(), &mut found);
    for flow in FLOWS {
        let flow = FlowId::parse(flow).unwrap();
        let entries = house.context.ledger.audit_flow(&flow, 10_000).await.unwrap();
        found.look_at(&format!("audit of {flow}"), &serde_json::to_string(&entries).unwrap());
    }

    let needles = needles(&house);
    found.prove_the_search_works(
        &needles,
        &[
            ("log of the worker", "shop-main"),
            ("log of the producer", "was not used"),
            ("/metrics of the producer", "mlc_webhook"),
            ("redis", "epic06:po:"),
            ("file", "shop-main"),
            ("mlc dead-letters", "epic06:"),
            ("mlc review", "epic06:"),
            ("audit of adobe_to_epicor::requisitions", "shopord:"),
        ],
    );
    let leaks = found.leaks(&needles);
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}

async fn open(redis: &PrivateRedis, shop: AdobeConfig) -> House {
    let consumer_key = shop.integrations[0].consumer_key.clone();
    let integration = Integration::new(&consumer_key, SHOP_CONSUMER_SECRET, SHOP_TOKEN, SHOP_TOKEN_SECRET);
    let shop = AdobeConfig { integrations: vec![integration], client_secret: SHOP_CLIENT_SECRET.to_owned(), ..shop };
    let config = HouseConfig {
        redis_url: Some(redis.url()),
        page_rows: 10,
        shop_lines: "webhook = { scheme = \"hmac_sha256\", body_limit = 65536 }".to_owned(),
        ..HouseConfig::with_shop(shop)
    };
    let config = config
        .shop_flow(SHOP_VENDORS, "vendors = { sources = true, default_email = \"v-{number}@house.example\" }")
        .shop_flow(SHOP_ORDERS, "purchase_orders = { default_email = \"orders@house.example\" }")
        .shop_flow(SHOP_INVOICES, "ap_invoices = { order_wait = \"1s\" }")
        .shop_flow(REQUISITIONS, "requisitions = { order_wait = \"1s\" }")
        .shop_flow(INVOICES_IN, "invoices = { invoice_wait = \"1s\" }")
        .shop_flow(COMPANIES, "companies = { adobe_owns = [\"name\", \"phone\"] }");
    let house = House::open_without_worker(config).await.unwrap();
    for (name, secret) in ["webhook_secret", "webhook_secret_next"].into_iter().zip(WEBHOOK_SECRETS) {
        house.set_secret("shop-main", name, secret).await.unwrap();
    }
    house
}

/// Vendors, their orders and invoices, some of them wrong in every way that somebody quotes a value for.
fn seed(house: &House) {
    let mut store = house.epicor.store();
    for number in 0..VENDORS {
        let mut vendor = json!({
            "VendorID": format!("V{number}"), "Name": format!("{STEM}name{number} Works"),
            "Address1": format!("{STEM}street{number} 5"), "Address2": format!("{STEM}second{number}"), "City": format!("{STEM}city{number}"),
            "State": "MN", "ZIP": format!("{STEM}zip"), "Country": "United States", "PhoneNum": format!("+1 {PHONE}{number}"),
            "EMailAddress": format!("{STEM}firm{number}@{STEM}.example"), "TaxPayerID": format!("{STEM}tax{number}"),
            "Comment": format!("{STEM}remark{number}"), "CurrencyCode": "USD", "TermsCode": "N30",
        });
        let wrong = match number {
            0 => json!({"EMailAddress": format!("{STEM} at nowhere")}),
            1 => json!({"Name": STEM.repeat(90)}),
            2 => json!({"Name": "", "City": format!("{STEM}onlycity")}),
            3 => json!({"Country": format!("{STEM}land")}),
            4 => {
                json!({"Name": format!("{STEM}bell\u{7}name"), "EMailAddress": format!("{STEM}firm11@{STEM}.example")})
            }
            _ => json!({}),
        };
        vendor.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let vendor = store.insert_vendor(&vendor).unwrap();
        let lines = vec![NewOrderLine { price: "10".into(), releases: vec![4, 6], ..NewOrderLine::default() }];
        let new = NewOrder { vendor, lines, ..NewOrder::default() };
        let order = store.add_order("EPIC06", &new).unwrap();
        let mut header = json!({
            "VendorCntName": format!("{STEM}full{number} Berg"), "VendorCntEmailAddress": format!("{STEM}person{number}@{STEM}.example"),
            "VendorCntPhoneNum": format!("+1 {PHONE}{number}"), "VendorAddress1": format!("{STEM}street{number} 5"),
            "VendorCity": format!("{STEM}city{number}"), "VendorZIP": format!("{STEM}zip"), "VendorCountry": "United States",
            "BuyerIDName": format!("{STEM}buyer"), "CommentText": format!("{STEM}call {number}"),
        });
        let wrong = match number {
            0 => json!({"CurrencyCode": "EUR", "ExchangeRate": "0"}),
            1 => json!({"VendorCntEmailAddress": format!("{STEM} nowhere"), "VendorCntName": STEM.repeat(40)}),
            2 => json!({"VendorCountry": format!("{STEM}land"), "CommentText": STEM.repeat(9000)}),
            _ => json!({}),
        };
        header.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        store.edit_order("EPIC06", order, &header).unwrap();
        let bills = |order: i64, price: Option<&str>| NewInvoiceLine {
            order: Some([order, 1, 1]),
            quantity: 4,
            price: price.map(str::to_owned),
            ..NewInvoiceLine::default()
        };
        let (lines, debit_memo) = match number {
            5 => (vec![bills(order, Some("25"))], false),
            6 => (vec![bills(order, None)], true),
            7 => (
                vec![NewInvoiceLine {
                    text: format!("{STEM}service"),
                    price: Some("5".into()),
                    ..NewInvoiceLine::default()
                }],
                false,
            ),
            _ => (vec![bills(order, None)], false),
        };
        let invoice = NewInvoice { vendor, number: format!("A/{number}"), debit_memo, lines, ..NewInvoice::default() };
        let _ = store.add_invoice("EPIC06", &invoice);
    }
}

fn trouble(house: &House) {
    let shop = house.shop();
    for (route, kinds) in [
        ("POST ", [FaultKind::TruncatedJson, FaultKind::MaskedError, FaultKind::ResetAfterWrite, FaultKind::Deadlock]),
        ("GET ", [FaultKind::PhpError, FaultKind::NotAuthorized, FaultKind::BadGateway, FaultKind::TruncatedJson]),
        ("PUT ", [FaultKind::HtmlError, FaultKind::ReportError, FaultKind::ResetAfterWrite, FaultKind::Firewall]),
    ] {
        for kind in kinds {
            shop.add_fault(Fault::times(route, kind, 1));
        }
    }
    shop.add_fault(Fault::times(
        "GET ",
        if is_saas(house) { FaultKind::TokenRefused } else { FaultKind::NonceUsed },
        1,
    ));
}

/// An admin edits companies in the shop while somebody edits the same vendors in Epicor: conflicts, and vendor updates.
fn edit_companies(house: &House, round: i32) {
    for company in house.shop().companies() {
        let key = company.reseller_id.clone().unwrap_or_default();
        let Some(vendor) = key.strip_prefix("EPIC06-V-").and_then(|number| number.parse::<i64>().ok()) else {
            continue;
        };
        let changes = json!({
            "company_name": format!("{STEM}shopname{vendor}{round}"), "telephone": format!("+1 {PHONE}{round}"),
            "comment": format!("{STEM}shopremark{vendor}{round}"), "street": [format!("{STEM}shopstreet{round}")],
            "vat_tax_id": format!("{STEM}shoptax{round}"),
        });
        house.shop().edit_company(company.id, &changes);
        let edits = json!({"Comment": format!("{STEM}other{round}"), "PhoneNum": format!("+1 {PHONE}9{round}")});
        house.epicor.store().update_vendor(vendor, &edits).unwrap();
    }
}

/// Orders of shoppers and what is announced of them; deliveries that are forged, unreadable, too long, or for nobody.
async fn post_webhooks(house: &House, to: SocketAddr, round: i32, found: &mut Findings) {
    let person = json!({
        "firstname": format!("{STEM}mia"), "lastname": format!("{STEM}shopper"), "street": [format!("{STEM}yard 1")],
        "city": format!("{STEM}town"), "postcode": format!("{STEM}post"), "country_id": "US", "telephone": format!("+1 {PHONE}"),
        "company": STEM.repeat(12), "email": format!("{STEM}mia@{STEM}.example"), "address_type": "shipping",
    });
    for number in 0..6 {
        let id = format!("00000{round}{number}");
        let mut placed = order(&id, &[piece("HX", 5, "1"), piece(&"SKU-".repeat(15), 1, "2")]);
        placed["customer_email"] = json!(format!("{STEM}mia@{STEM}.example"));
        placed["customer_firstname"] = json!(format!("{STEM}mia"));
        placed["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"] = person.clone();
        placed["billing_address"] = person.clone();
        match number {
            0 => placed["items"] = json!([]),
            1 => {
                placed["order_currency_code"] = json!("EUR");
                placed["base_to_order_rate"] = json!(0);
            }
            2 => placed["state"] = json!("payment_review"),
            3 => placed["items"][0]["name"] = json!(format!("for {STEM}mia \u{7}")),
            _ => {}
        }
        if number != 5 {
            place(house, &placed);
        }
        let body = json!({"eventName": "sales_order_place_after", "data": {"order": placed}}).to_string();
        let signature = signed(WEBHOOK_SECRETS[usize::try_from(number % 2).unwrap()], body.as_bytes());
        let answer = post(to, &[(SIGNATURE, &signature)], body.as_bytes(), found).await;
        assert_eq!(answer, 200);
    }
    for (bad, good_signature) in [
        (json!({"order": {"increment_id": format!("{STEM} 🧤"), "customer_email": format!("{STEM}@{STEM}.example")}}).to_string(), true),
        (format!("{{\"order\": \"{STEM}"), true),
        (json!({"validationUrl": format!("https://{STEM}.example/?secret={STEM}")}).to_string(), true),
        (json!({"eventName": format!("{STEM}_save"), "data": {"order": {"increment_id": "1", "note": STEM}}}).to_string(), true),
        (json!({"order": {"increment_id": "2", "customer_email": format!("{STEM}@{STEM}.example")}}).to_string(), false),
        (json!({"order": {"note": STEM.repeat(10_000)}}).to_string(), true),
        (json!({"eventName": "company_save_after", "data": {"company": {"id": 999_999, "company_name": STEM}}}).to_string(), true),
        (json!({"eventName": "sales_order_invoice_save_after", "data": {"invoice": {"entity_id": 999_999, "note": STEM}}}).to_string(), true),
    ] {
        let secret = if good_signature { WEBHOOK_SECRETS[0] } else { "somebody else's" };
        let signature = signed(secret, bad.as_bytes());
        let id = format!("{STEM}-request-{round}");
        let headers = [(SIGNATURE, signature.as_str()), ("x-adobe-commerce-request-id", &id), ("x-shopper", STEM)];
        post(to, &headers, bad.as_bytes(), found).await;
    }
    let answer = send(to, "GET", &format!("{PATH}?challenge={STEM}"), &[], b"").await.unwrap();
    found.look_at("answer to a challenge", &answer.body);
    let answer = send(to, "POST", &format!("/webhooks/adobe/{STEM}"), &[("x-secret", STEM)], b"{}").await.unwrap();
    found.look_at("answer for an unknown connection", &answer.body);
}

async fn post(to: SocketAddr, headers: &[(&str, &str)], body: &[u8], found: &mut Findings) -> u16 {
    let answer = send(to, "POST", PATH, headers, body).await.unwrap();
    found.look_at("answer to a webhook", &format!("{}\n{}", answer.head, answer.body));
    answer.status
}

/// All of it went through: otherwise nothing could have leaked.
async fn assert_it_went_through(house: &House) {
    let companies = house.shop().companies();
    let good = companies.iter().filter(|company| company.company_name.contains(STEM)).count();
    assert!(good >= usize::try_from(VENDORS - GOOD_FROM).unwrap(), "only {good} companies arrived");
    let orders = house.shop().orders();
    let mirrored = orders.iter().filter(|order| Value::from(order.row.clone()).to_string().contains(STEM)).count();
    assert!(mirrored > 8, "only {mirrored} orders hold persons");
    assert!(house.shop().invoices().len() >= 3, "{} invoices", house.shop().invoices().len());
    let requisitions = house.epicor.store().rows("EPIC06", "ReqHead");
    assert!(requisitions.iter().any(|row| row["ShipName"].as_str().is_some_and(|name| name.contains(STEM))));
    let vendors = house.epicor.store().rows("EPIC06", "Vendor");
    let edited = format!("{STEM}shopname");
    assert!(vendors.iter().any(|row| row["Name"].as_str().is_some_and(|name| name.starts_with(&edited))));
    let reviews = house.context.ledger.reviews(Some(ReviewState::Open), 1_000, None).await.unwrap();
    assert!(reviews.len() > 3, "{reviews:#?}");
}

/// What people are shown, on a good day and when the shop refuses the credentials.
async fn look_at_commands(house: &House, found: &mut Findings) {
    let letter = house.dead_letters().await.unwrap()[0].job.id.to_string();
    let commands: &[&[&str]] = &[
        &["check"],
        &["connection", "list"],
        &["jobs"],
        &["dead-letters", "list"],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "list", "--by-cause"],
        &["dead-letters", "show", &letter],
        &["window", "list", COMPANIES, "--queries"],
        &["audit", "record", SHOP_ORDERS, "EPIC06:PO:4500001"],
        &["audit", "people"],
        &["review", "list"],
        &["review", "list", "--json"],
        &["ping", "shop-main"],
    ];
    for arguments in commands {
        let code = if arguments[0] == "audit" && arguments[1] == "record" { 3 } else { 0 };
        look_at_command(house, arguments, code, found).await;
    }
    house.shop().expire_tokens();
    house.shop().change_integration(0, |integration| integration.revoked = true);
    if is_saas(house) {
        house.set_secret("shop-main", "client_secret", &format!("{SHOP_CLIENT_SECRET}-wrong")).await.unwrap();
    }
    look_at_command(house, &["ping", "shop-main"], 1, found).await;
}

fn is_saas(house: &House) -> bool {
    house.settings_text.contains("edition = \"saas\"")
}
