//! Logging in: who may see and do what.

use std::process::{Command, Stdio};

use mlc_house::{House, HouseConfig, VENDORS};

use super::{browser::Browser, site::Site};

const PASSWORD: &str = "seven-green-forklifts-wait";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_anything_before_logging_in_and_a_low_role_sees_no_payload() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    house.epicor.store().insert_vendor(&serde_json::json!({"VendorID": "ACME", "Name": "Acme Supply"})).unwrap();
    house.sync(VENDORS).await.unwrap();
    let site = Site::of(house, &[("MLC__CONSOLE__LOGIN", "always")]).await;
    for (name, role) in [("rita", "read_only"), ("otto", "operator")] {
        add_account(&site, name, role);
    }
    let browser = Browser::open(&site.base).await;
    browser.go("/jobs").await;
    browser.arrives("/login").await;
    log_in(&browser, "rita", "wrong").await;
    browser.sees("Log in").await;
    assert!(browser.path().await.starts_with("/login"));
    log_in(&browser, "rita", PASSWORD).await;
    browser.arrives("/jobs").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1").await;
    let page = browser.text("body").await;
    assert!(!page.contains("Acme Supply"), "{page}");
    assert!(browser.count("main button").await == 0 || !page.contains("Read this record afresh"), "{page}");
    browser.press("header", "Log out").await;
    browser.arrives("/login").await;
    browser.go("/jobs").await;
    browser.arrives("/login").await;
    log_in(&browser, "otto", PASSWORD).await;
    browser.arrives("/jobs").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1").await;
    browser.sees("Acme Supply").await;
    for path in ["/login", "/account"] {
        browser.go(path).await;
        assert_eq!(browser.violations().await, [""; 0], "{path}");
    }
}

async fn log_in(browser: &Browser, name: &str, password: &str) {
    browser.fill("#name", name).await;
    browser.fill("#password", password).await;
    browser.press("main", "Log in").await;
}

/// As an admin does at the command line.
fn add_account(site: &Site, name: &str, role: &str) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mlc.toml");
    std::fs::write(&config, &site.house.settings_text).unwrap();
    let mut adding = Command::new(crate::processes::program("mlc"))
        .args(["account", "add", name, "--role", role, "--stdin"])
        .env_clear()
        .env("MLC_CONFIG", &config)
        .env("MLC_VAULT_KEYS", &site.house.vault_keys)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut adding.stdin.take().unwrap(), PASSWORD.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
}
