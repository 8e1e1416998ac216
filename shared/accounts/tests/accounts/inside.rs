//! Sessions and tokens of those who are inside.

use super::*;

#[tokio::test]
async fn sessions_are_listed_ended_one_by_one_and_bounded() {
    let house = House::open().await;
    let lena = house.add("lena", Role::Operator).await;
    let mut sessions = Vec::new();
    for n in 0..21 {
        sessions.push(house.accounts.open_session(&lena, &format!("browser {n}"), secs(n)).await.unwrap());
    }
    assert!(!house.is_in(&sessions[0], secs(30)).await, "the oldest made room");
    let listed = house.accounts.sessions(&lena, secs(30)).await.unwrap();
    assert_eq!((listed.len(), listed[0].agent.as_str(), listed[0].at), (20, "browser 20", secs(20)));
    assert!(house.accounts.end_session(&lena, &listed[0].id).await.unwrap());
    assert!(!house.accounts.end_session(&lena, &listed[0].id).await.unwrap());
    assert!(!house.is_in(&sessions[20], secs(30)).await);
    assert!(house.is_in(&sessions[19], secs(30)).await);
    house.accounts.end_sessions(&lena).await.unwrap();
    assert!(!house.is_in(&sessions[19], secs(30)).await);
}

#[tokio::test]
async fn a_token_allows_the_lower_role_until_it_ends_or_is_removed() {
    let house = House::open().await;
    house.add("boss", Role::Admin).await;
    let lena = house.add("Lena", Role::Admin).await;
    let new = |role, name: &str| NewToken {
        owner: lena.clone(),
        name: name.to_owned(),
        role,
        lives: Duration::from_secs(3_600),
    };
    let token = house.accounts.add_token(&new(Role::Operator, "ci"), now()).await.unwrap();
    assert!(token.expose_secret().starts_with("mlct_"));
    let bearer = house.accounts.bearer(token.expose_secret(), secs(90)).await.unwrap().unwrap();
    assert_eq!((bearer.owner.as_str(), bearer.token.as_str(), bearer.role), ("lena", "ci", Role::Operator));
    assert_eq!(house.accounts.tokens(Some(&lena)).await.unwrap()[0].used_at, Some(secs(90)));
    assert!(matches!(house.accounts.add_token(&new(Role::Operator, "ci"), now()).await, Err(AccountsError::Token(_))));
    assert!(matches!(house.accounts.add_token(&new(Role::Operator, "a b"), now()).await, Err(AccountsError::Token(_))));

    house.accounts.set_role(&lena, Role::ReadOnly).await.unwrap();
    assert_eq!(house.accounts.bearer(token.expose_secret(), now()).await.unwrap().unwrap().role, Role::ReadOnly);
    assert!(matches!(house.accounts.add_token(&new(Role::Operator, "up"), now()).await, Err(AccountsError::Token(_))));
    for wrong in ["", "mlct_", &token.expose_secret().replace("mlct_", "mlcu_"), &format!("mlct_{}", "0".repeat(64))] {
        assert!(house.accounts.bearer(wrong, now()).await.unwrap().is_none());
    }
    assert!(house.accounts.bearer(token.expose_secret(), secs(3_600)).await.unwrap().is_none());
    assert_eq!(house.accounts.remove_token(&lena, "ci").await.unwrap().unwrap().name, "ci");
    assert!(house.accounts.remove_token(&lena, "ci").await.unwrap().is_none());
    assert!(house.accounts.bearer(token.expose_secret(), now()).await.unwrap().is_none());
}
