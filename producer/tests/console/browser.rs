//! A browser: keeps cookies, and says where a form was sent from.

use std::collections::BTreeMap;

use mlc_accounts::{AccountName, NewAccount, NewPassword, Role, SecretString};

use crate::site::{Answer, Site};

/// The password of every account of the tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A site that demands login, with accounts `root` (admin), `olga` (operator) and `rita` (read-only).
pub(crate) async fn closed_site() -> Site {
    let site = Site::with(|settings| settings.replace("[console]\n", "[console]\nlogin = \"always\"\n")).await;
    for (name, role) in [("root", Role::Admin), ("olga", Role::Operator), ("rita", Role::ReadOnly)] {
        add(&site, name, role).await;
    }
    site
}

/// An account with [`PASSWORD`].
pub(crate) async fn add(site: &Site, name: &str, role: Role) {
    let name = AccountName::parse(name).unwrap();
    let password = NewPassword::parse(SecretString::from(PASSWORD), &name).unwrap();
    let new = NewAccount { name, role, password, one_time: false, by: "test".to_owned() };
    site.rooms.accounts.add(new, site.rooms.clock.now()).await.unwrap();
}

/// Cookies and the site that they are of.
pub(crate) struct Browser<'a> {
    site: &'a Site,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn at(site: &'a Site) -> Self {
        Self { site, cookies: BTreeMap::new() }
    }

    /// A browser in which somebody is logged in.
    pub(crate) async fn of(site: &'a Site, name: &str) -> Self {
        let mut browser = Self::at(site);
        let answer = browser.login(name, PASSWORD).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text());
        browser
    }

    pub(crate) async fn login(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password)]).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_html_form::to_string(fields).unwrap();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &headers, body.as_bytes()).await
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let line = pairs.join("; ");
        let mut all = headers.to_vec();
        if !line.is_empty() {
            all.push(("cookie", &line));
        }
        let answer = self.site.send(method, path, &all, body).await;
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.header("set-cookie").lines() {
            let (pair, flags) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if name.starts_with("__Host-") {
                for flag in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
                    assert!(flags.split(';').any(|found| found.trim() == flag), "{flag} is missing: {cookie}");
                }
                assert!(!flags.contains("Domain"), "{cookie}");
            }
            match flags.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}
