//! A console that demands login.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use mlc_house::House;

use super::{browser::Browser, site::Site};

/// The password of whoever [`Site::add_account`] made.
pub(crate) const PASSWORD: &str = "seven-green-forklifts-wait";

/// The setting that closes a console on the own machine too.
pub(crate) const CLOSED: (&str, &str) = ("MLC__CONSOLE__LOGIN", "always");

impl Site {
    /// A console that demands login, with these accounts: names and roles.
    pub(crate) async fn closed(house: House, accounts: &[(&str, &str)]) -> Self {
        let site = Self::of(house, &[CLOSED]).await;
        for (name, role) in accounts {
            site.add_account(name, role);
        }
        site
    }

    /// As an admin does at the command line.
    pub(crate) fn add_account(&self, name: &str, role: &str) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("mlc.toml");
        std::fs::write(&config, &self.house.settings_text).unwrap();
        let mut adding = Command::new(crate::processes::program("mlc"))
            .args(["account", "add", name, "--role", role, "--stdin"])
            .env_clear()
            .env("MLC_CONFIG", &config)
            .env("MLC_VAULT_KEYS", &self.house.vault_keys)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        adding.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(adding.wait().unwrap().success());
    }

    /// The status that a program with this token is answered with.
    pub(crate) fn asked_with(&self, token: &str, verb: &str, path: &str) -> u16 {
        let mut stream = TcpStream::connect(self.base.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = "Host: localhost\r\nConnection: close\r\nContent-Length: 0";
        write!(stream, "{verb} {path} HTTP/1.1\r\n{head}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Browser {
    /// Goes to the login and fills it in, whatever comes of it.
    pub(crate) async fn log_in(&self, name: &str, password: &str) {
        self.go("/login").await;
        self.send_login(name, password).await;
    }

    /// Fills in the login that the browser is at.
    pub(crate) async fn send_login(&self, name: &str, password: &str) {
        self.fill("#name", name).await;
        self.fill("#password", password).await;
        self.press("main", "Log in").await;
    }

    /// Logs in and waits for the overview.
    pub(crate) async fn logged_in(&self, name: &str, password: &str) {
        self.log_in(name, password).await;
        self.arrives("/").await;
    }

    /// Whether a page is shown; else the login is.
    pub(crate) async fn may_see(&self, path: &str) -> bool {
        self.go(path).await;
        !self.path().await.starts_with("/login")
    }

    /// What the page or its policy complained about, but for answers that refuse: the browser notes each of them.
    pub(crate) async fn complaints_but_refusals(&self) -> Vec<String> {
        let refused = |line: &String| line.contains("the server responded with a status of 4");
        self.complaints().await.into_iter().filter(|line| !refused(line)).collect()
    }

    /// The secret that a page shows once.
    pub(crate) async fn shown_once(&self) -> String {
        self.text("main code.secret").await
    }
}
