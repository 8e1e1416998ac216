//! Accounts against a real Redis.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "accounts/hard_days.rs"]
mod hard_days;
#[path = "accounts/inside.rs"]
mod inside;

use std::{
    net::IpAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{join, join_all, join3};
use mlc_accounts::{
    AccountName, Accounts, AccountsError, Attempt, ExposeSecret as _, Locked, Login, NewAccount, NewPassword, NewToken,
    Recorded, Refusal, Role, SecretString, Welcome,
};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};
use redis::AsyncCommands as _;

const PASSWORD: &str = "correct horse battery";
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);

struct House {
    process: Child,
    redis: RedisHandle,
    accounts: Accounts,
    _folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Connecting retries for about three seconds, which is what the server may take to open its socket.
        let redis = RedisHandle::connect(&RedisSettings::at(format!("unix://{}", socket.display()))).await.unwrap();
        Self { process, accounts: Accounts::new(redis.clone(), IDLE), redis, _folder: folder }
    }

    /// From now on Redis takes nothing that it may refuse.
    async fn fill(&self) {
        let mut connection = self.redis.manager.clone();
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").exec_async(&mut connection).await.unwrap();
        let refused = redis::cmd("SET").arg("x").arg("y").exec_async(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("maxmemory"), "{refused}");
    }

    async fn add(&self, text: &str, role: Role) -> AccountName {
        self.add_with(text, role, false).await
    }

    async fn add_with(&self, text: &str, role: Role, one_time: bool) -> AccountName {
        let new = NewAccount { name: name(text), role, password: password(PASSWORD), one_time, by: "test".to_owned() };
        self.accounts.add(new, now()).await.unwrap().name
    }

    async fn login(&self, name: &str, password: &str, at: DateTime<Utc>) -> Login {
        self.login_from(name, password, None, None, at).await
    }

    async fn login_from(
        &self,
        name: &str,
        password: &str,
        address: Option<&str>,
        device: Option<&SecretString>,
        at: DateTime<Utc>,
    ) -> Login {
        let attempt = Attempt {
            name,
            password: &SecretString::from(password),
            address: address.map(|text| text.parse::<IpAddr>().unwrap()),
            device: device.map(|device| device.expose_secret()),
            agent: "a browser",
        };
        self.accounts.login(&attempt, at).await.unwrap()
    }

    async fn welcome(&self, name: &str, at: DateTime<Utc>) -> Welcome {
        match self.login(name, PASSWORD, at).await {
            Login::In(welcome) => *welcome,
            other => panic!("{other:?}"),
        }
    }

    async fn is_in(&self, session: &SecretString, at: DateTime<Utc>) -> bool {
        self.accounts.session(session.expose_secret(), at).await.unwrap().is_some()
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn secs(n: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(n)
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn password(text: &str) -> NewPassword {
    NewPassword::parse(SecretString::from(text), &name("nobody")).unwrap()
}

fn refusal(login: Login) -> Refusal {
    match login {
        Login::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn wait(login: Login) -> u64 {
    match login {
        Login::Locked { wait } => wait.as_secs(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_and_its_password_open_a_session_and_redis_holds_nothing_that_does() {
    let house = House::open().await;
    house.add("Lena", Role::Operator).await;
    let welcome = house.welcome("lena", now()).await;
    assert_eq!((welcome.account.name.as_str(), welcome.account.role), ("lena", Role::Operator));
    let inside = house.accounts.session(welcome.session.expose_secret(), now()).await.unwrap().unwrap();
    assert_eq!(inside.account, welcome.account);
    let again = house.welcome("Lena", now()).await;
    assert_ne!(again.session.expose_secret(), welcome.session.expose_secret());

    let mut connection = house.redis.manager.clone();
    let keys: Vec<String> = redis::cmd("SCAN")
        .arg(0)
        .arg("COUNT")
        .arg(1000)
        .query_async::<(u64, Vec<String>)>(&mut connection)
        .await
        .unwrap()
        .1;
    assert!(keys.len() > 3 && keys.iter().all(|key| key.starts_with("{mlcc:mlc}:")), "{keys:?}");
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
        let all = [key.as_bytes(), &dump].concat();
        for secret in [welcome.session.expose_secret(), welcome.device.expose_secret(), PASSWORD] {
            assert!(!all.windows(secret.len()).any(|part| part == secret.as_bytes()), "{key}");
        }
    }
    assert!(!format!("{welcome:?}{:?}", house.accounts).contains(welcome.session.expose_secret()));
}

#[tokio::test]
async fn a_wrong_password_a_wrong_name_and_a_disabled_account_are_refused_alike() {
    let house = House::open().await;
    house.add("lena", Role::Admin).await;
    house.add("kim", Role::Operator).await;
    house.accounts.set_disabled(&name("kim"), true).await.unwrap();
    let wrong = refusal(house.login("lena", "wrong", now()).await);
    assert_eq!(wrong, Refusal { account: Some(name("lena")), closed: false, used: false, lock: None });
    let nobody = refusal(house.login("my-password-in-the-wrong-field", PASSWORD, now()).await);
    assert_eq!(nobody, Refusal { account: None, closed: false, used: false, lock: None });
    assert!(refusal(house.login("kim", PASSWORD, now()).await).closed);
    for odd in ["", "\u{0}", "a\nb", "(x)"] {
        assert_eq!(refusal(house.login(odd, PASSWORD, now()).await).account, None);
    }
}

#[tokio::test]
async fn the_lock_of_a_name_grows_to_five_minutes_and_opens_by_itself() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    for _ in 0..4 {
        assert_eq!(refusal(house.login("lena", "wrong", now()).await).lock, None);
    }
    let mut at = 0;
    for span in [5, 10, 20, 40, 80, 160, 300, 300] {
        let lock = refusal(house.login("LENA", "wrong", secs(at)).await).lock;
        assert_eq!(lock, Some(Locked::Name(Duration::from_secs(span))));
        // The right password does not help either while it is locked, and asking does not make it longer.
        assert_eq!(wait(house.login("lena", PASSWORD, secs(at)).await), span);
        assert_eq!(wait(house.login("lena", PASSWORD, secs(at + 1)).await), span - 1);
        at += i64::try_from(span).unwrap();
    }
    house.welcome("lena", secs(at)).await;
    assert_eq!(refusal(house.login("lena", "wrong", secs(at)).await).lock, None, "a login forgets the failures");
}

#[tokio::test]
async fn a_name_that_is_none_is_locked_in_the_same_way() {
    let house = House::open().await;
    for _ in 0..5 {
        refusal(house.login("nobody", "wrong", now()).await);
    }
    assert_eq!(wait(house.login("nobody", "wrong", now()).await), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_attempts_at_the_same_time_are_not_one() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    let elsewhere = Accounts::new(house.redis.clone(), IDLE);
    let tries = (0..18).map(|n| {
        let accounts = if n % 2 == 0 { house.accounts.clone() } else { elsewhere.clone() };
        tokio::spawn(async move {
            let password = SecretString::from("wrong");
            let attempt = Attempt { name: "lena", password: &password, address: None, device: None, agent: "" };
            matches!(accounts.login(&attempt, now()).await, Ok(Login::Refused(_)))
        })
    });
    let mut looked_at = 0;
    for attempt in tries.collect::<Vec<_>>() {
        looked_at += usize::from(attempt.await.unwrap());
    }
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn one_address_that_tries_many_names_is_locked_and_a_good_login_takes_back_only_itself() {
    let house = House::open().await;
    house.add("kim", Role::Operator).await;
    let from = Some("192.0.2.7");
    for n in 0..19 {
        assert_eq!(refusal(house.login_from(&format!("name{n}"), "x", from, None, now()).await).lock, None);
        let in_between = house.login_from("kim", PASSWORD, from, None, now()).await;
        assert!(matches!(in_between, Login::In(_)));
    }
    let lock = refusal(house.login_from("another", "x", from, None, now()).await).lock;
    assert_eq!(lock, Some(Locked::Address(Duration::from_secs(5))));
    assert_eq!(wait(house.login_from("kim", PASSWORD, from, None, now()).await), 5);
    assert!(matches!(house.login_from("kim", PASSWORD, Some("192.0.2.8"), None, now()).await, Login::In(_)));
}

#[tokio::test]
async fn a_browser_that_is_known_gets_in_while_somebody_guesses_elsewhere() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    house.add("kim", Role::Operator).await;
    let device = house.welcome("lena", now()).await.device;
    for _ in 0..5 {
        refusal(house.login("lena", "wrong", now()).await);
    }
    assert_eq!(wait(house.login("lena", PASSWORD, now()).await), 5);
    let known = house.login_from("lena", PASSWORD, None, Some(&device), now()).await;
    assert!(matches!(known, Login::In(welcome) if welcome.device.expose_secret() == device.expose_secret()));
    assert_eq!(wait(house.login("lena", "wrong", now()).await), 5, "the lock elsewhere stays");
    // It is known to one account, and is locked itself when it guesses.
    for _ in 0..5 {
        refusal(house.login_from("kim", "wrong", None, Some(&device), now()).await);
        refusal(house.login_from("lena", "wrong", None, Some(&device), now()).await);
    }
    assert_eq!(wait(house.login("kim", PASSWORD, now()).await), 5);
    assert_eq!(wait(house.login_from("lena", PASSWORD, None, Some(&device), now()).await), 5);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_after_seven_days_of_use() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    let idle = house.welcome("lena", now()).await.session;
    assert!(house.is_in(&idle, secs(12 * 3_600)).await);
    assert!(house.is_in(&idle, secs(24 * 3_600)).await, "its use counts");
    assert!(!house.is_in(&idle, secs(36 * 3_600 + 1)).await);
    assert!(!house.is_in(&idle, secs(24 * 3_600)).await, "it does not come back");

    let used = house.welcome("lena", now()).await.session;
    for hours in (0..=168).step_by(12) {
        assert!(house.is_in(&used, secs(hours * 3_600)).await, "{hours}");
    }
    assert!(!house.is_in(&used, secs(168 * 3_600 + 1)).await);
}

#[tokio::test]
async fn another_password_ends_every_session_and_only_the_current_one_allows_it() {
    let house = House::open().await;
    let lena = house.add("lena", Role::Operator).await;
    let session = house.welcome("lena", now()).await.session;
    let (current, fresh) = (SecretString::from(PASSWORD), password("another long secret"));
    let wrong = house.accounts.change_password(&lena, &"wrong".into(), &fresh, now()).await;
    assert!(matches!(wrong, Err(AccountsError::WrongPassword)));
    let same = house.accounts.change_password(&lena, &current, &password(PASSWORD), now()).await;
    assert!(matches!(same, Err(AccountsError::Unchanged(_))));
    assert!(house.is_in(&session, now()).await);
    house.accounts.change_password(&lena, &current, &fresh, now()).await.unwrap();
    assert!(!house.is_in(&session, now()).await);
    assert!(house.accounts.sessions(&lena, now()).await.unwrap().is_empty());
    refusal(house.login("lena", PASSWORD, now()).await);
    assert!(matches!(house.login("lena", "another long secret", now()).await, Login::In(_)));
}

#[tokio::test]
async fn the_current_password_cannot_be_guessed_by_whoever_finds_a_browser_open() {
    let house = House::open().await;
    let lena = house.add("lena", Role::Operator).await;
    let fresh = password("another long secret");
    for _ in 0..5 {
        let wrong = house.accounts.change_password(&lena, &"wrong".into(), &fresh, now()).await;
        assert!(matches!(wrong, Err(AccountsError::WrongPassword)));
    }
    let right = SecretString::from(PASSWORD);
    let locked = house.accounts.change_password(&lena, &right, &fresh, now()).await;
    assert!(matches!(locked, Err(AccountsError::TooManyTries(wait)) if wait.as_secs() == 5));
    house.accounts.change_password(&lena, &right, &fresh, secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_new_password_from_an_admin_opens_the_lock_and_is_good_for_three_days() {
    let house = House::open().await;
    house.add("boss", Role::Admin).await;
    let kim = house.add_with("kim", Role::Operator, true).await;
    for _ in 0..5 {
        refusal(house.login("kim", "wrong", now()).await);
    }
    house.accounts.set_password(&kim, &password(PASSWORD), true, now()).await.unwrap();
    let welcome = house.welcome("kim", now()).await;
    assert_eq!(welcome.account.one_time_until, Some(secs(72 * 3_600)));
    house.accounts.set_password(&kim, &password(PASSWORD), true, now()).await.unwrap();
    assert!(refusal(house.login("kim", PASSWORD, secs(72 * 3_600)).await).closed);
    let (current, own) = (SecretString::from(PASSWORD), password("my very own secret"));
    house.accounts.change_password(&kim, &current, &own, now()).await.unwrap();
    assert_eq!(house.accounts.account(&kim).await.unwrap().unwrap().one_time_until, None);
}

#[tokio::test]
async fn a_one_time_password_opens_one_login_and_its_session_chooses_another() {
    let house = House::open().await;
    house.add("boss", Role::Admin).await;
    let kim = house.add_with("kim", Role::Operator, true).await;
    assert!(!house.accounts.account(&kim).await.unwrap().unwrap().one_time_used);
    // At the same time, in as many processes: one comes in.
    let tries = join_all((0..4).map(|_| house.login("kim", PASSWORD, now()))).await;
    let (came_in, others): (Vec<_>, Vec<_>) = tries.into_iter().partition(|login| matches!(login, Login::In(_)));
    assert_eq!((came_in.len(), others.len()), (1, 3));
    let Some(Login::In(welcome)) = came_in.into_iter().next() else { panic!("nobody came in") };
    assert!(welcome.account.one_time_until.is_some());
    for other in others {
        let Refusal { account, closed, used, .. } = refusal(other);
        assert_eq!((account, closed, used), (Some(kim.clone()), false, true));
    }
    assert!(house.accounts.account(&kim).await.unwrap().unwrap().one_time_used);
    assert_eq!(house.accounts.sessions(&kim, now()).await.unwrap().len(), 1);

    assert!(house.is_in(&welcome.session, now()).await);
    // Another one is another login, also for whoever never chose one. What comes after it counts as any wrong password does.
    house.accounts.set_password(&kim, &password(PASSWORD), true, now()).await.unwrap();
    let welcome = house.welcome("kim", now()).await;
    for nth in 1..=5 {
        let Refusal { used, lock, .. } = refusal(house.login("kim", PASSWORD, now()).await);
        assert_eq!((used, lock.is_some()), (true, nth == 5));
    }
    assert!(house.is_in(&welcome.session, now()).await);
    let (current, own) = (SecretString::from(PASSWORD), password("my very own secret"));
    house.accounts.change_password(&kim, &current, &own, now()).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(house.login("kim", "my very own secret", secs(5)).await, Login::In(_)));
    }
    let account = house.accounts.account(&kim).await.unwrap().unwrap();
    assert_eq!((account.one_time_until, account.one_time_used), (None, false));
}

#[tokio::test]
async fn a_disabled_or_removed_account_is_out_at_once_and_nobody_inherits_from_it() {
    let house = House::open().await;
    house.add("boss", Role::Admin).await;
    let kim = house.add("kim", Role::Operator).await;
    let new = NewToken { owner: kim.clone(), name: "ci".to_owned(), role: Role::Operator, lives: IDLE };
    let token = house.accounts.add_token(&new, now()).await.unwrap();
    let session = house.welcome("kim", now()).await.session;
    house.accounts.set_disabled(&kim, true).await.unwrap();
    assert!(!house.is_in(&session, now()).await);
    assert!(house.accounts.bearer(token.expose_secret(), now()).await.unwrap().is_none());
    house.accounts.set_disabled(&kim, false).await.unwrap();
    assert!(!house.is_in(&session, now()).await, "enabling does not bring sessions back");
    assert!(house.accounts.bearer(token.expose_secret(), now()).await.unwrap().is_some());

    let session = house.welcome("kim", now()).await.session;
    house.accounts.remove(&kim).await.unwrap();
    house.add("kim", Role::Admin).await;
    assert!(!house.is_in(&session, now()).await);
    assert!(house.accounts.bearer(token.expose_secret(), now()).await.unwrap().is_none());
    assert!(house.accounts.tokens(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_last_admin_who_can_log_in_stays() {
    let house = House::open().await;
    let boss = house.add("boss", Role::Admin).await;
    house.add_with("newcomer", Role::Admin, true).await;
    let other = house.add("other", Role::Admin).await;
    house.accounts.set_disabled(&other, true).await.unwrap();
    let accounts = &house.accounts;
    assert!(matches!(accounts.remove(&boss).await, Err(AccountsError::LastAdmin(_))));
    assert!(matches!(accounts.set_role(&boss, Role::Operator).await, Err(AccountsError::LastAdmin(_))));
    assert!(matches!(accounts.set_disabled(&boss, true).await, Err(AccountsError::LastAdmin(_))));
    let one_time = accounts.set_password(&boss, &password(PASSWORD), true, now()).await;
    assert!(matches!(one_time, Err(AccountsError::LastAdmin(_))));
    accounts.set_disabled(&other, false).await.unwrap();
    assert_eq!(accounts.set_role(&boss, Role::Operator).await.unwrap().role, Role::Admin);
    assert!(matches!(accounts.set_role(&boss, Role::Operator).await, Err(AccountsError::Unchanged(_))));
    assert!(matches!(accounts.remove(&other).await, Err(AccountsError::LastAdmin(_))));
}

#[tokio::test]
async fn names_are_taken_once_however_they_are_written() {
    let house = House::open().await;
    assert!(house.accounts.is_empty().await.unwrap());
    house.add("Lena", Role::Admin).await;
    let again = NewAccount {
        name: name("lENA"),
        role: Role::Admin,
        password: password(PASSWORD),
        one_time: false,
        by: "test".to_owned(),
    };
    assert!(matches!(house.accounts.add(again, now()).await, Err(AccountsError::NameTaken(_))));
    house.add("adam", Role::ReadOnly).await;
    let names: Vec<String> =
        house.accounts.list().await.unwrap().into_iter().map(|account| account.name.to_string()).collect();
    assert_eq!(names, ["adam", "lena"]);
    let nobody = house.accounts.set_role(&name("nobody"), Role::Admin).await;
    assert!(matches!(nobody, Err(AccountsError::NoSuchAccount(_))));
}

#[tokio::test]
async fn no_new_name_can_pass_for_another_and_accounts_from_before_keep_theirs() {
    let house = House::open().await;
    let new = |text: &str| NewAccount {
        name: name(text),
        role: Role::Admin,
        password: password(PASSWORD),
        one_time: false,
        by: "test".to_owned(),
    };
    let odd = house.accounts.add(new("\u{430}dmin"), now()).await;
    assert!(matches!(odd, Err(AccountsError::NewName)), "{odd:?}");
    house.add("jorg", Role::Operator).await;
    // As an earlier version stored it.
    let mut connection = house.redis.manager.clone();
    let stored: String = connection.hget("{mlcc:mlc}:accounts", "jorg").await.unwrap();
    let stored = stored.replace("\"jorg\"", "\"J\u{f6}rg\"");
    let _: u64 = connection.hset("{mlcc:mlc}:accounts", "j\u{f6}rg", stored).await.unwrap();
    assert_eq!(house.welcome("j\u{f6}rg", now()).await.account.name.as_str(), "J\u{f6}rg");
    assert_eq!(house.accounts.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_audit_takes_a_hundred_refusals_an_hour() {
    let house = House::open().await;
    for n in 1..=102 {
        let expected = match n {
            ..100 => Recorded::Yes,
            100 => Recorded::Last,
            _ => Recorded::No,
        };
        assert_eq!(house.accounts.records_refusal().await.unwrap(), expected, "{n}");
    }
    let left: i64 = house.redis.manager.clone().pttl("{mlcc:mlc}:refusals").await.unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
}

#[tokio::test]
async fn everything_that_comes_and_goes_expires_by_itself() {
    let house = House::open().await;
    house.add("lena", Role::Operator).await;
    house.welcome("lena", now()).await;
    house.login_from("lena", "wrong", Some("192.0.2.7"), None, now()).await;
    let mut connection = house.redis.manager.clone();
    let keys: Vec<String> = redis::cmd("SCAN")
        .arg(0)
        .arg("COUNT")
        .arg(1000)
        .query_async::<(u64, Vec<String>)>(&mut connection)
        .await
        .unwrap()
        .1;
    for key in keys.iter().filter(|key| !key.ends_with(":accounts")) {
        let left: i64 = connection.pttl(key).await.unwrap();
        assert!(left > 0, "{key} stays for ever");
    }
    assert_eq!(keys.len(), 6, "{keys:?}");
}
