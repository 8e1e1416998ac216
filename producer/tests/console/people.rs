//! `/account` and `/people`, and the same on the command line.

use std::{io::Write as _, process::Stdio};

use mlc_accounts::AccountName;

use crate::{
    browser::{Browser, PASSWORD, closed_site},
    private_redis::{assert_fails, stdout},
    site::Site,
};

/// The secret that a page shows once.
fn secret(page: &str) -> String {
    let start = page.find("class=\"secret\">").unwrap() + "class=\"secret\">".len();
    page[start..].split('<').next().unwrap().to_owned()
}

async fn last(site: &Site) -> (String, String, String, Option<String>) {
    let action = site.rooms.ledger.audit_actions(1).await.unwrap().remove(0).action;
    (action.who, action.what, action.subject, action.after)
}

#[tokio::test]
async fn a_new_person_gets_a_password_for_one_login_and_chooses_another_before_anything_else() {
    let site = closed_site().await;
    let mut root = Browser::of(&site, "root").await;
    let shown = root.post("/people", &[("name", "Nina"), ("role", "operator")]).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let one_time = secret(&shown.text());
    let entry = (
        "root".to_owned(),
        "add_account".to_owned(),
        "nina".to_owned(),
        Some("operator, one-time password".to_owned()),
    );
    assert_eq!(last(&site).await, entry);
    assert!(!root.get("/people").await.text().contains(&one_time));
    assert_eq!(root.post("/people", &[("name", "nina"), ("role", "operator")]).await.status, 409);
    let odd = root.post("/people", &[("name", "\u{430}dmin"), ("role", "admin")]).await;
    assert!(odd.status == 400 && odd.text().contains("letters a to z"), "{}", odd.text());

    let mut nina = Browser::at(&site);
    assert_eq!(nina.login("nina", &one_time).await.header("location"), "/account");
    assert_eq!(nina.get("/").await.header("location"), "/account");
    assert_eq!(nina.get("/api/v1/").await.json()["error"]["kind"], "password_needed");
    let tried = nina.post("/account/tokens", &[("token", "ci"), ("role", "operator"), ("lives", "90d")]).await;
    assert_eq!(tried.header("location"), "/account");
    assert!(site.rooms.accounts.tokens(None).await.unwrap().is_empty());
    assert!(nina.get("/account").await.text().contains("Somebody else chose your password"));
    // Whoever reads it in a mail comes too late, also while she has not chosen yet.
    assert!(root.get("/people").await.text().contains("one-time password used"));
    let late = Browser::at(&site).login("nina", &one_time).await;
    assert_eq!(late.status, 401);
    assert!(late.text().contains("do not belong together"), "{}", late.text());
    let (_, what, subject, after) = last(&site).await;
    assert_eq!((what.as_str(), subject.as_str()), ("login_refused", "nina"));
    assert!(after.as_deref().unwrap().starts_with("this one-time password has been used"), "{after:?}");
    let form = |new: &'static str, again: &'static str| [("new", new), ("again", again)];
    for (pair, status) in [
        (form("short", "short"), 400),
        (form("my very own secret", "my very own secre"), 400),
        (form("my very own secret", "my very own secret"), 303),
    ] {
        let fields = [("current", one_time.as_str()), pair[0], pair[1]];
        assert_eq!(nina.post("/account/password", &fields).await.status, status);
    }
    assert_eq!(last(&site).await.1, "change_password");
    assert_eq!(nina.get("/").await.status, 200, "the session goes on under another id");
    assert_eq!(Browser::at(&site).login("nina", &one_time).await.status, 401);
    let everything = format!("{:?}", site.rooms.ledger.audit_actions(100).await.unwrap());
    assert!(!everything.contains(&one_time) && !everything.contains("very own"), "{everything}");
}

#[tokio::test]
async fn an_admin_changes_roles_disables_and_removes_but_never_the_last_admin() {
    let site = closed_site().await;
    let mut root = Browser::of(&site, "root").await;
    let mut olga = Browser::of(&site, "olga").await;
    for (path, fields, what) in [
        ("/people/role", &[("name", "olga"), ("role", "read_only")][..], "set_role"),
        ("/people/sessions/end", &[("name", "rita")], "end_sessions"),
        ("/people/disable", &[("name", "olga")], "disable_account"),
        ("/people/enable", &[("name", "olga")], "enable_account"),
        ("/people/remove", &[("name", "olga"), ("reason", "has left")], "remove_account"),
    ] {
        let answer = root.post(path, fields).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/people"), "{path}: {}", answer.text());
        assert_eq!(last(&site).await.1, what);
    }
    assert_eq!(last(&site).await.3.as_deref(), Some("removed: has left"));
    assert_eq!(olga.get("/").await.status, 303);
    let before = site.actions().await.len();
    for (path, fields, status) in [
        ("/people/role", &[("name", "root"), ("role", "operator")][..], 409),
        ("/people/disable", &[("name", "root")], 409),
        ("/people/password", &[("name", "root")], 409),
        ("/people/remove", &[("name", "root"), ("reason", "oops")], 409),
        ("/people/remove", &[("name", "rita"), ("reason", "  ")], 400),
        ("/people/role", &[("name", "rita"), ("role", "read_only")], 409),
        ("/people/role", &[("name", "rita"), ("role", "emperor")], 400),
        ("/people/disable", &[("name", "nobody")], 404),
    ] {
        assert_eq!(root.post(path, fields).await.status, status, "{path} {fields:?}");
    }
    assert_eq!(site.actions().await.len(), before, "what changed nothing leaves no entry");
    let mut rita = Browser::of(&site, "rita").await;
    assert_eq!(rita.get("/people").await.status, 403);
    assert_eq!(rita.post("/people/disable", &[("name", "root")]).await.status, 403);
}

#[tokio::test]
async fn a_person_sees_and_ends_the_own_sessions_and_makes_tokens_no_higher_than_the_own_role() {
    let site = closed_site().await;
    let mut here = Browser::of(&site, "olga").await;
    let mut there = Browser::of(&site, "olga").await;
    let page = here.get("/account").await.text();
    assert_eq!(page.matches("name=\"session\"").count(), 2, "{page}");
    assert_eq!(page.matches("(this one)").count(), 1, "{page}");
    assert_eq!(here.post("/account/sessions/end-others", &[]).await.status, 303);
    assert_eq!(there.get("/").await.status, 303);
    assert_eq!(here.get("/").await.status, 200);
    assert_eq!(here.post("/account/sessions/end", &[("session", "0123456789abcdef")]).await.status, 404);
    // Another person's session is out of reach.
    Browser::of(&site, "root").await;
    let root = AccountName::parse("root").unwrap();
    let id = site.rooms.accounts.sessions(&root, site.rooms.clock.now()).await.unwrap()[0].id.clone();
    assert_eq!(here.post("/account/sessions/end", &[("session", &id)]).await.status, 404);

    let form = |role: &'static str| [("token", "ci"), ("role", role), ("lives", "90d")];
    assert_eq!(here.post("/account/tokens", &form("admin")).await.status, 400);
    let shown = here.post("/account/tokens", &form("read_only")).await;
    assert_eq!(last(&site).await.3.as_deref(), Some("read_only, for 90d"));
    let authorization = format!("Bearer {}", secret(&shown.text()));
    assert_eq!(site.send("GET", "/api/v1/", &[("authorization", &authorization)], b"").await.status, 200);
    assert!(!here.get("/account").await.text().contains("mlct_"));
    assert_eq!(here.post("/account/tokens/remove", &[("token", "ci")]).await.status, 303);
    assert_eq!(here.post("/account/tokens/remove", &[("token", "ci")]).await.status, 404);
    assert_eq!(site.send("GET", "/api/v1/", &[("authorization", &authorization)], b"").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_the_first_account_and_manages_the_others() {
    let site = Site::with(|settings| settings.replace("[console]\n", "[console]\nlogin = \"always\"\n")).await;
    let redis = &site.redis;
    assert!(stdout(&redis.run(&["account", "list"])).contains("mlc account add NAME --role admin"));
    let with_password = |arguments: &[&str], password: &str| {
        let mut child = redis
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let weak = with_password(&["account", "add", "root", "--role", "admin", "--stdin"], "canary-4711\n");
    assert_fails(&weak, 2, &["too short"]);
    assert!(!String::from_utf8_lossy(&weak.stderr).contains("canary"));
    let made = with_password(&["account", "add", "root", "--role", "admin", "--stdin"], &format!("{PASSWORD}\n"));
    assert!(stdout(&made).contains("Made the account root as admin"));
    let mut root = Browser::of(&site, "root").await;
    assert_eq!(root.get("/people").await.status, 200);

    let odd = redis.run(&["account", "add", "\u{430}dmin", "--role", "admin", "--one-time"]);
    assert_fails(&odd, 2, &["letters a to z"]);
    let nina = redis.json(0, &["account", "add", "nina", "--role", "read-only", "--one-time"]);
    let one_time = nina["one_time_password"].as_str().unwrap();
    assert_eq!(Browser::at(&site).login("nina", one_time).await.header("location"), "/account");
    assert_eq!(redis.json(0, &["account", "list"])["items"][0]["role"], "read_only");
    assert_eq!(redis.json(0, &["account", "set-role", "nina", "operator"])["before"], "read_only");
    assert_fails(&redis.run(&["account", "set-role", "root", "operator"]), 1, &["last admin"]);
    assert_fails(&redis.run(&["account", "remove", "root"]), 1, &["last admin"]);
    assert_fails(&redis.run(&["account", "disable", "nobody"]), 3, &["there is no account `nobody`"]);

    let token = redis.json(0, &["account", "token", "add", "nina", "ci", "--role", "operator", "--expires", "90d"]);
    let authorization = format!("Bearer {}", token["secret"].as_str().unwrap());
    assert_eq!(site.send("GET", "/api/v1/", &[("authorization", &authorization)], b"").await.status, 200);
    let higher = redis.run(&["account", "token", "add", "nina", "up", "--role", "admin", "--expires", "90d"]);
    assert_fails(&higher, 2, &["at most what its owner may do"]);
    let listed = stdout(&redis.run(&["account", "token", "list", "nina"]));
    assert!(listed.contains("ci") && !listed.contains("mlct_"), "{listed}");
    redis.json(0, &["account", "token", "remove", "nina", "ci"]);
    assert_fails(&redis.run(&["account", "token", "remove", "nina", "ci"]), 3, &["has no token `ci`"]);
    assert_eq!(site.send("GET", "/api/v1/", &[("authorization", &authorization)], b"").await.status, 401);

    let reset = with_password(&["account", "set-password", "root", "--stdin"], "another long secret\n");
    assert!(stdout(&reset).contains("logged out everywhere"));
    assert_eq!(root.get("/").await.status, 303);
    redis.json(0, &["account", "disable", "nina"]);
    redis.json(0, &["account", "enable", "nina"]);
    redis.json(0, &["account", "remove", "nina"]);
    let whats: Vec<String> = site.actions().await.into_iter().filter(|told| !told.starts_with("login")).collect();
    assert_eq!(
        whats,
        [
            "remove_account nina",
            "enable_account nina",
            "disable_account nina",
            "set_password root",
            "remove_token nina/ci",
            "add_token nina/ci",
            "set_role nina",
            "add_account nina",
            "add_account root",
        ]
    );
}
