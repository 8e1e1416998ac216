//! A full Redis, and floods.

use super::*;

#[tokio::test]
async fn people_come_in_work_and_leave_while_redis_is_full() {
    let house = House::open().await;
    house.add("boss", Role::Admin).await;
    let lena = house.add("lena", Role::Operator).await;
    let new = NewToken { owner: lena.clone(), name: "ci".to_owned(), role: Role::Operator, lives: IDLE };
    let token = house.accounts.add_token(&new, now()).await.unwrap();
    house.fill().await;
    let from = Some("192.0.2.7");
    refusal(house.login_from("lena", "wrong", from, None, now()).await);
    let Login::In(welcome) = house.login_from("lena", PASSWORD, from, None, now()).await else { panic!() };
    let known = house.login_from("lena", PASSWORD, from, Some(&welcome.device), now()).await;
    assert!(matches!(known, Login::In(_)));
    // Looking an hour later notes the use.
    assert!(house.is_in(&welcome.session, secs(3_600)).await);
    assert!(house.accounts.bearer(token.expose_secret(), secs(3_600)).await.unwrap().is_some());
    let seen: Vec<_> = house.accounts.sessions(&lena, secs(3_600)).await.unwrap();
    let own = seen.iter().find(|session| session.seen_at == secs(3_600)).unwrap();
    assert!(house.accounts.end_session(&lena, &own.id).await.unwrap());
    assert!(!house.is_in(&welcome.session, secs(3_600)).await);
    assert_eq!(house.accounts.records_refusal().await.unwrap(), Recorded::Yes);

    let (current, fresh) = (SecretString::from(PASSWORD), password("another long secret"));
    house.accounts.change_password(&lena, &current, &fresh, now()).await.unwrap();
    house.accounts.end_sessions(&lena).await.unwrap();
    house.accounts.set_disabled(&lena, true).await.unwrap();
    assert!(house.accounts.bearer(token.expose_secret(), secs(3_600)).await.unwrap().is_none());
}

#[tokio::test]
async fn guessing_is_locked_while_redis_is_full() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    house.fill().await;
    for _ in 0..5 {
        refusal(house.login("lena", "wrong", now()).await);
    }
    assert_eq!(wait(house.login("lena", PASSWORD, now()).await), 5);
    for n in 0..20 {
        refusal(house.login_from(&format!("name{n}"), "x", Some("192.0.2.7"), None, now()).await);
    }
    assert_eq!(wait(house.login_from("another", "x", Some("192.0.2.7"), None, now()).await), 5);
}

#[tokio::test]
async fn what_is_locked_takes_no_turn_from_those_who_log_in() {
    let house = House::open().await;
    house.add("kim", Role::Operator).await;
    for _ in 0..5 {
        refusal(house.login("lena", "wrong", now()).await);
    }
    let flood = (0..60).map(|_| house.login("lena", "wrong", now()));
    let (flood, kim) = join(join_all(flood), house.login("kim", PASSWORD, now())).await;
    assert!(flood.into_iter().all(|login| wait(login) == 5));
    assert!(matches!(kim, Login::In(_)));
}

#[tokio::test]
async fn one_address_cannot_keep_everybody_waiting() {
    let house = House::open().await;
    house.add("kim", Role::Operator).await;
    let device = house.welcome("kim", now()).await.device;
    let wrong = SecretString::from("wrong");
    let names: Vec<String> = (0..60).map(|n| format!("name{n}")).collect();
    let from = |name, address: &str| Attempt {
        name,
        password: &wrong,
        address: Some(address.parse().unwrap()),
        device: None,
        agent: "",
    };
    let attempts: Vec<_> = names.iter().map(|name| from(name, "192.0.2.7")).collect();
    let flood = attempts.iter().map(|attempt| house.accounts.login(attempt, now()));
    let (flood, elsewhere, known) = join3(
        join_all(flood),
        house.login_from("kim", PASSWORD, Some("192.0.2.8"), None, now()),
        // In the same house as the flood, in a browser that is known.
        house.login_from("kim", PASSWORD, Some("192.0.2.7"), Some(&device), now()),
    )
    .await;
    assert!(matches!(elsewhere, Login::In(_)) && matches!(known, Login::In(_)));
    let busy = flood.iter().filter(|login| matches!(login, Err(AccountsError::Busy))).count();
    let refused = flood.iter().filter(|login| matches!(login, Ok(Login::Refused(_)))).count();
    // Four at a time; as many more as were looked at meanwhile.
    assert!(refused >= 4 && busy > 40 && refused + busy == 60, "{refused} {busy}");
}
