//! Who gets in, and who does not.

use mlc_accounts::{AccountName, ExposeSecret as _, NewToken, Role};
use mlc_producer::console;
use mlc_runtime::shutdown::Shutdown;

use crate::{
    browser::{Browser, PASSWORD, add, closed_site},
    site::Site,
};

const SESSION: &str = "__Host-mlc";

async fn token(site: &Site, owner: &str, role: Role) -> String {
    let owner = AccountName::parse(owner).unwrap();
    let lives = std::time::Duration::from_secs(3_600);
    let new = NewToken { owner, name: role.to_string(), role, lives };
    site.rooms.accounts.add_token(&new, site.rooms.clock.now()).await.unwrap().expose_secret().to_owned()
}

async fn entries(site: &Site) -> Vec<mlc_ledger::PersonAction> {
    site.rooms.ledger.audit_actions(100).await.unwrap().into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn without_a_session_a_page_leads_to_the_login_and_the_api_says_so() {
    let site = closed_site().await;
    let page = site.get("/?a=b%26c").await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2F%3Fa%3Db%2526c"));
    let api = site.get("/api/v1/").await;
    assert_eq!((api.status, api.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(api.json()["error"]["kind"], "login_needed");
    let acted = site.post_form("/people/disable", &[("name", "rita")]).await;
    assert_eq!((acted.status, acted.header("location")), (303, "/login?next=%2F"));
    // What is not there looks like what is.
    assert_eq!(site.get("/nowhere").await.header("location"), "/login?next=%2Fnowhere");
    assert_eq!(site.get("/api/v1/nowhere").await.status, 401);
    // A region of a page is not replaced by the login.
    assert_eq!(site.send("GET", "/", &[("x-console-fragment", "1")], b"").await.status, 401);
    let login = site.page("/login").await;
    assert!(login.contains("<h1>Log in</h1>") && !login.contains("aria-label=\"Sections\""), "{login}");
    assert!(!login.contains("There is no account yet"), "{login}");
}

#[tokio::test]
async fn a_person_logs_in_looks_and_logs_out_and_the_audit_tells() {
    let site = closed_site().await;
    let mut browser = Browser::of(&site, "Olga").await;
    let page = browser.get("/").await.text();
    assert!(page.contains("<bdi>olga</bdi>") && page.contains("operator") && page.contains("Log out"), "{page}");
    assert_eq!(browser.get("/login?next=/jobs").await.header("location"), "/jobs");
    let before = browser.cookies[SESSION].clone();
    let out = browser.post("/logout", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(!browser.cookies.contains_key(SESSION));
    browser.cookies.insert(SESSION.to_owned(), before);
    assert_eq!(browser.get("/").await.status, 303, "the cookie is worth nothing any more");
    let told: Vec<(String, String, String)> =
        entries(&site).await.into_iter().map(|action| (action.who, action.what, action.subject)).collect();
    let expected = [("olga", "logout", "olga"), ("olga", "login", "olga")];
    assert_eq!(told, expected.map(|(who, what, subject)| (who.to_owned(), what.to_owned(), subject.to_owned())));
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_name_look_the_same_and_are_audited_without_what_was_typed() {
    let site = closed_site().await;
    let mut browser = Browser::at(&site);
    let wrong = browser.login("olga", "canary-4711").await;
    let nobody = browser.login("canary-4712", PASSWORD).await;
    for answer in [&wrong, &nobody] {
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(answer.text().contains("do not belong together"), "{}", answer.text());
        assert!(!browser.cookies.contains_key(SESSION));
    }
    let page = wrong.text();
    assert!(
        page.contains("value=\"olga\"") && !page.contains("canary-4711") && page.contains("role=\"alert\""),
        "{page}"
    );
    assert_eq!(browser.login("", "").await.status, 400);
    let told = entries(&site).await;
    assert_eq!(told.len(), 2);
    let subjects: Vec<&str> = told.iter().map(|action| action.subject.as_str()).collect();
    assert_eq!(subjects, ["no account", "olga"]);
    assert!(told.iter().all(|action| action.what == "login_refused" && action.who == "nobody"), "{told:?}");
    assert!(!format!("{told:?}").contains("canary"), "{told:?}");
}

#[tokio::test]
async fn guessing_is_locked_out_told_once_and_does_not_keep_a_known_browser_out() {
    let site = closed_site().await;
    let mut known = Browser::of(&site, "olga").await;
    known.post("/logout", &[]).await;
    let mut guesser = Browser::at(&site);
    for _ in 0..5 {
        assert_eq!(guesser.login("olga", "wrong").await.status, 401);
    }
    let locked = guesser.login("olga", PASSWORD).await;
    assert_eq!(locked.status, 429, "{}", locked.text());
    assert!(locked.text().contains("Too many tries: wait "), "{}", locked.text());
    let told = entries(&site).await;
    let whats: Vec<&str> = told.iter().map(|action| action.what.as_str()).collect();
    let refused = "login_refused";
    assert_eq!(whats, ["login_locked", refused, refused, refused, refused, "logout", "login"]);
    assert!(told[0].after.as_deref().unwrap().contains("the name is locked for 5 s"), "{:?}", told[0]);
    assert_eq!(known.login("olga", PASSWORD).await.status, 303);
    // What is locked is olga, for those who guess: nobody else.
    assert_eq!(guesser.login("rita", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn the_address_behind_a_proxy_is_what_the_proxy_saw_and_not_what_the_sender_wrote() {
    let site = closed_site().await;
    let mut browser = Browser::at(&site);
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", "203.0.113.9, 192.0.2.77")];
    let answer = browser.send("POST", "/login", &headers, b"name=olga&password=wrong").await;
    assert_eq!(answer.status, 401);
    let after = entries(&site).await[0].after.clone().unwrap();
    assert!(after.contains("from 192.0.2.0/24"), "{after}");

    let open = Site::with(|settings| {
        settings.replace("[console]\n", "[console]\nlogin = \"always\"\nproxies = [\"10.0.0.0/8\"]\n")
    })
    .await;
    let answer = Browser::at(&open).send("POST", "/login", &headers, b"name=olga&password=wrong").await;
    assert_eq!(answer.status, 401);
    let after = entries(&open).await[0].after.clone().unwrap();
    assert!(after.contains("from this machine"), "who is no proxy is not believed: {after}");
}

#[tokio::test]
async fn a_login_makes_another_session_whatever_cookie_was_there_before() {
    let site = closed_site().await;
    let mut victim = Browser::at(&site);
    let planted = "f".repeat(64);
    victim.cookies.insert(SESSION.to_owned(), planted.clone());
    victim.login("olga", PASSWORD).await;
    assert_ne!(victim.cookies[SESSION], planted);
    let mut attacker = Browser::at(&site);
    attacker.cookies.insert(SESSION.to_owned(), planted);
    assert_eq!(attacker.get("/").await.status, 303);

    // A session of the attacker's own, planted before the victim logs in, has ended then.
    let mut attacker = Browser::of(&site, "rita").await;
    let mut victim = Browser::at(&site);
    victim.cookies = attacker.cookies.clone();
    victim.login("root", PASSWORD).await;
    assert_ne!(victim.cookies[SESSION], attacker.cookies[SESSION]);
    assert_eq!(attacker.get("/").await.status, 303);
    assert!(victim.get("/").await.text().contains("<bdi>root</bdi>"));
}

#[tokio::test]
async fn logging_in_leads_to_pages_of_the_console_only() {
    let site = closed_site().await;
    for (next, location) in [
        ("/jobs?kind=push_record", "/jobs?kind=push_record"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let mut browser = Browser::at(&site);
        let form = [("name", "olga"), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/login", &form).await;
        assert_eq!((answer.status, answer.header("location")), (303, location), "{next:?}");
        let query = serde_html_form::to_string([("next", next)]).unwrap();
        assert_eq!(browser.get(&format!("/login?{query}")).await.header("location"), location, "{next:?}");
        let page = site.page(&format!("/login?{query}")).await;
        assert!(!page.contains("evil.example") && !page.contains("javascript:"), "{next:?} {page}");
    }
}

#[tokio::test]
async fn a_link_from_a_chat_finds_the_session_by_asking_once_more() {
    let site = closed_site().await;
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let asked = site.send("GET", "/login?next=%2Fjobs", &elsewhere, b"").await;
    assert_eq!(asked.status, 200);
    assert!(asked.text().contains("http-equiv=\"refresh\" content=\"0;url=/login?next=%2Fjobs\""), "{}", asked.text());
    let own = site.send("GET", "/login?next=%2Fjobs", &[("sec-fetch-site", "same-origin")], b"").await;
    assert!(own.text().contains("<h1>Log in</h1>"));
}

#[tokio::test]
async fn a_token_opens_the_api_alone_with_the_lower_role_under_its_own_name() {
    let site = closed_site().await;
    let (operator, reader) = (token(&site, "olga", Role::Operator).await, token(&site, "olga", Role::ReadOnly).await);
    let (operator, reader) = (format!("Bearer {operator}"), format!("Bearer {reader}"));
    for authorization in [&operator, &reader] {
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(site.send("GET", "/api/v1/", &headers, b"").await.status, 200);
        assert_eq!(site.send("GET", "/", &headers, b"").await.status, 303, "pages take no token");
        for path in ["/people", "/account"] {
            assert_eq!(site.send("GET", &format!("/api/v1{path}"), &headers, b"").await.status, 404, "{path}");
            assert_eq!(site.send("GET", path, &headers, b"").await.status, 303, "{path}");
        }
    }
    for wrong in ["Bearer mlct_0", "Bearer", "Basic cm9vdDpyb290", &operator.replace("mlct_", "mlcx_")] {
        let answer = site.send("GET", "/api/v1/", &[("authorization", wrong)], b"").await;
        assert_eq!((answer.status, answer.json()["error"]["kind"].as_str()), (401, Some("login_needed")), "{wrong}");
    }
    // A wrong token beside a right session is a mistake, not a session.
    let mut browser = Browser::of(&site, "root").await;
    assert_eq!(browser.send("GET", "/api/v1/", &[("authorization", "Bearer x")], b"").await.status, 401);
    assert_eq!(browser.get("/api/v1/").await.status, 200);
    // Its owner is read-only from now on, and so is it.
    site.rooms.accounts.set_disabled(&AccountName::parse("olga").unwrap(), true).await.unwrap();
    assert_eq!(site.send("GET", "/api/v1/", &[("authorization", &operator)], b"").await.status, 401);
}

#[tokio::test]
async fn what_an_admin_changes_counts_at_the_next_page() {
    let site = closed_site().await;
    let (mut olga, mut rita) = (Browser::of(&site, "olga").await, Browser::of(&site, "rita").await);
    let name = |text: &str| AccountName::parse(text).unwrap();
    assert_eq!(olga.get("/people").await.status, 403);
    site.rooms.accounts.set_role(&name("olga"), Role::Admin).await.unwrap();
    assert_eq!(olga.get("/people").await.status, 200);
    site.rooms.accounts.set_disabled(&name("rita"), true).await.unwrap();
    assert_eq!(rita.get("/").await.status, 303);
}

#[tokio::test]
async fn an_open_console_answers_to_its_own_names_alone() {
    let site = Site::start().await;
    let port = site.address.port();
    for host in
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}"), "localhost".to_owned()]
    {
        assert_eq!(site.send("GET", "/", &[("host", &host)], b"").await.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::1].evil",
        "10.0.0.1",
        "x@localhost.evil",
    ] {
        for path in ["/", "/api/v1/", "/login", "/nowhere"] {
            assert_eq!(site.send("GET", path, &[("host", host)], b"").await.status, 403, "{host} {path}");
        }
        let headers = [("host", host), ("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(site.send("POST", "/people", &headers, b"name=eve&role=admin").await.status, 403, "{host}");
    }
    assert!(site.rooms.accounts.is_empty().await.unwrap());
}

#[tokio::test]
async fn an_open_console_says_so_and_whoever_logs_in_there_acts_under_the_own_name() {
    let site = Site::start().await;
    assert!(site.page("/account").await.contains("stands open on this machine"));
    assert!(site.page("/login").await.contains("mlc account add NAME --role admin"));
    add(&site, "olga", Role::Operator).await;
    let mut browser = Browser::of(&site, "olga").await;
    assert!(browser.get("/").await.text().contains("<bdi>olga</bdi>"));
    assert_eq!(browser.get("/people").await.status, 403);
    assert_eq!(browser.post("/logout", &[]).await.status, 303);
    assert_eq!(browser.get("/people").await.status, 200);
    assert_eq!(browser.post("/logout", &[]).await.status, 409, "nobody is logged in any more");
}

#[tokio::test]
async fn an_address_that_others_reach_demands_login_whatever_the_settings_say() {
    let mut site = Site::start().await;
    assert_eq!(site.get("/").await.status, 200);
    let stop = Shutdown::new();
    let serving = console::serve(site.rooms.clone(), "0.0.0.0:0".parse().unwrap(), stop.clone()).await.unwrap();
    site.address = std::net::SocketAddr::from(([127, 0, 0, 1], serving.address.port()));
    assert_eq!(site.get("/").await.header("location"), "/login?next=%2F");
    assert_eq!(site.get("/api/v1/").await.status, 401);
    assert!(site.page("/login").await.contains("mlc account add NAME --role admin"));
    stop.trigger();
}

#[tokio::test]
async fn an_open_console_answers_nobody_behind_a_proxy() {
    let site = Site::start().await;
    assert_eq!(site.get("/jobs").await.status, 200);
    // As nginx and Apache call it where nobody told them otherwise: by the address that they were given.
    let headers = ["forwarded", "via", "x-forwarded-for", "x-forwarded-server", "x-real-ip", "cf-connecting-ip"];
    for header in
        headers.map(|name| (name, "203.0.113.9")).into_iter().chain([("origin", "https://console.example.com")])
    {
        for path in ["/jobs", "/api/v1/jobs", "/login"] {
            let answer = site.send("GET", path, &[header], b"").await;
            assert!(answer.status == 403 && answer.text().contains("console.login"), "{header:?} {path}");
        }
        let acted = site.send("POST", "/connections/epicor-main/ping", &[header], b"").await;
        assert_eq!(acted.status, 403, "{header:?}");
    }
    // What a browser sends through nginx that nobody configured.
    let pause = [("origin", "https://console.example.com"), ("sec-fetch-site", "same-origin")];
    assert_eq!(site.send("POST", "/connections/epicor-main/ping", &pause, b"").await.status, 403);
    let closed = closed_site().await;
    assert_eq!(closed.send("GET", "/login", &[("x-forwarded-for", "203.0.113.9")], b"").await.status, 200);
}

#[tokio::test]
async fn nobody_pushes_the_audit_out_with_affairs_of_their_own() {
    let site = closed_site().await;
    let mut rita = Browser::of(&site, "rita").await;
    let mut done = 0;
    let refused = loop {
        let answer = rita.post("/account/sessions/end-others", &[]).await;
        match answer.status {
            303 => done += 1,
            _ => break answer,
        }
        assert!(done < 1_000, "there is an end to it");
    };
    assert!(refused.status == 429 && refused.text().contains("within an hour"), "{}", refused.text());
    assert!(done >= 100, "nobody is held up who does nothing unusual: {done}");
    assert_eq!(rita.get("/").await.status, 200, "looking goes on");
}
