//! `/budgets`.

use std::{io::Write as _, process::Stdio};

use crate::site::Site;

#[tokio::test]
async fn budgets_are_shown_with_their_limits_and_what_is_missing_is_named() {
    let site = Site::start().await;
    let mut command = site.redis.command(&["connection", "set-secret", "hubspot-main", "token"]);
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(b"pat-na1-test\n").unwrap();
    assert!(running.wait().unwrap().success());

    let json = site.get_json("/budgets").await;
    let [epicor, hubspot] = json["connections"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert!(epicor["problem"].as_str().unwrap().contains("api_key"), "{epicor}");
    assert_eq!((hubspot["problem"].is_null(), &hubspot["drain"]["state"]), (true, &"empty".into()));
    let budgets = hubspot["budgets"].as_array().unwrap();
    assert!(!budgets.is_empty(), "{hubspot}");
    for budget in budgets {
        let number = |name: &str| budget[name].as_u64().unwrap();
        assert_eq!(number("left") + number("used"), number("limit"), "{budget}");
    }
    let page = site.page("/budgets").await;
    assert!(page.contains("Its budgets are not known yet") && page.contains("Budgets of hubspot-main"), "{page}");
    assert!(!page.contains("pat-na1-test"));
}
