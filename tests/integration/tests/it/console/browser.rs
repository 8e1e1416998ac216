//! A real Chromium without a window, driven as a person drives one.

mod inspection;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, error::CmdError, wd::WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Several browsers at once would starve each other, and everything else, on a small machine.
static PLACE: Semaphore = Semaphore::const_new(1);

/// Longest time for a page to show something.
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) use inspection::Look;

/// A browser with one window. It is gone when this is dropped.
pub(crate) struct Browser {
    client: Client,
    base: String,
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
    _place: Option<SemaphorePermit<'static>>,
}

/// A command of the DevTools protocol, for what WebDriver has no word for.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

impl Browser {
    /// Opens a browser for the site at `base`, such as `http://127.0.0.1:9467`.
    pub(crate) async fn open(base: &str) -> Self {
        Self::start(base, Some(PLACE.acquire().await.unwrap())).await
    }

    /// Another browser beside this one, which shares nothing with it: as of the same person at another desk.
    pub(crate) async fn another(&self) -> Self {
        Self::start(&self.base, None).await
    }

    async fn start(base: &str, place: Option<SemaphorePermit<'static>>) -> Self {
        // The driver takes its port for two protocols one after the other; somebody may come between.
        let (driver, port) = (0..5).find_map(|_| driver()).expect("chromedriver says where it listens");
        let profile = tempfile::Builder::new().prefix("mlc-browser-").tempdir().unwrap();
        let switches = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let mut switches: Vec<String> = switches.iter().map(|switch| (*switch).to_owned()).collect();
        switches.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "args": switches },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(wanted.as_object().unwrap().clone());
        let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let base = base.trim_end_matches('/').to_owned();
        let browser = Self { client, base, driver, port, session, _profile: profile, _place: place };
        browser.look(Look::Light).await;
        browser
    }

    async fn tools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools(command, parameters)).await.unwrap()
    }

    /// Loses every cookie, as a private window that was closed: the session of a login goes on without a browser.
    pub(crate) async fn lose_cookies(&self) {
        self.client.delete_all_cookies().await.unwrap();
    }

    /// Goes to a path of the site.
    pub(crate) async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    /// The path and query that the browser is at.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The visible text of the page, or of the first element that a selector finds.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let begun = Instant::now();
        loop {
            match self.find(selector).await.text().await {
                Ok(text) => return text,
                // A live region was replaced between the two looks.
                Err(error) => assert!(begun.elapsed() < PATIENCE, "`{selector}`: {error}"),
            }
        }
    }

    /// The first element that a selector finds; waits for a page that is still on its way. Panics with the page's text when there
    /// is none.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let begun = Instant::now();
        loop {
            match self.client.find(Locator::Css(selector)).await {
                Ok(element) => return element,
                Err(error) if begun.elapsed() >= PATIENCE => {
                    panic!("no `{selector}` at {}: {error}\n{}", self.path().await, self.page_text().await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// How many elements a selector finds; waits as [`Self::all`].
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.all(selector, "innerText").await.len()
    }

    /// Whether the page is there as a whole; the address changes before.
    async fn is_loaded(&self) -> bool {
        let loaded = self.client.execute("return document.readyState === 'complete'", Vec::new()).await;
        loaded.is_ok_and(|loaded| loaded == Value::Bool(true))
    }

    /// Waits until the browser is at this path, whatever its query.
    pub(crate) async fn arrives(&self, path: &str) {
        let begun = Instant::now();
        loop {
            let at = self.path().await;
            if at.split(['?', '#']).next() == Some(path) && self.is_loaded().await {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not at {path} but at {at}:\n{}", self.page_text().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the browser is at exactly this path and query.
    pub(crate) async fn comes_to(&self, address: &str) {
        let begun = Instant::now();
        loop {
            let at = self.path().await;
            if at == address && self.is_loaded().await {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not at {address} but at {at}:\n{}", self.page_text().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Empty while the page changes.
    async fn page_text(&self) -> String {
        let text = self.client.execute("return document.body.innerText", Vec::new()).await.unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What an attribute says of all that a selector finds, in the page's order; of `innerText` the visible text. Waits for a
    /// page that is still being loaded: a part of a list would be no answer.
    pub(crate) async fn all(&self, selector: &str, attribute: &str) -> Vec<String> {
        let script = "const [selector, name] = arguments; if (document.readyState !== 'complete') return null; \
            return [...document.querySelectorAll(selector)]\
            .map(e => name === 'innerText' ? e.innerText.trim() : e.getAttribute(name) ?? '');";
        let begun = Instant::now();
        loop {
            let found = self.client.execute(script, vec![json!(selector), json!(attribute)]).await.unwrap_or_default();
            if let Some(texts) = found.as_array() {
                return texts.iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect();
            }
            assert!(begun.elapsed() < PATIENCE, "{} is not loaded", self.path().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until [`Self::all`] is exactly this.
    pub(crate) async fn shows(&self, selector: &str, attribute: &str, expected: &[String]) {
        let begun = Instant::now();
        loop {
            let found = self.all(selector, attribute).await;
            if found == expected {
                return;
            }
            let at = self.path().await;
            assert!(begun.elapsed() < PATIENCE, "`{selector}` at {at}: {found:#?}\nexpected {expected:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Goes on with the `n` key from page to page of a list, and gives what [`Self::all`] finds on each.
    pub(crate) async fn every_page_of(&self, selector: &str, attribute: &str) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            pages.push(self.all(selector, attribute).await);
            assert!(pages.len() < 100, "the list has no end at {}", self.path().await);
            if self.count(".pager a[rel=next]").await == 0 {
                return pages;
            }
            let (begun, before) = (Instant::now(), self.path().await);
            self.keys("n").await;
            while self.path().await == before || !self.is_loaded().await {
                assert!(begun.elapsed() < PATIENCE, "`n` does not lead on from {before}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Fills a field of a form, or chooses the option of that value.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let begun = Instant::now();
        while let Err(error) = self.try_to_fill(selector, text).await {
            // A live region was replaced meanwhile: not any more once somebody stands in the field.
            assert!(begun.elapsed() < PATIENCE, "`{selector}`: {error}");
        }
    }

    async fn try_to_fill(&self, selector: &str, text: &str) -> Result<(), CmdError> {
        let field = self.find(selector).await;
        if field.tag_name().await? == "select" {
            return field.select_by_value(text).await;
        }
        field.clear().await?;
        field.send_keys(text).await
    }

    /// Chooses the option of a `select` that sends this value.
    pub(crate) async fn choose(&self, selector: &str, value: &str) {
        self.find(selector).await.select_by_value(value).await.unwrap();
    }

    /// Presses the button or follows the link with this text, inside what `within` selects, and waits for the page that it leads to: what is
    /// seen next is not of the page before.
    pub(crate) async fn press(&self, within: &str, label: &str) {
        let script = "const [within, label] = arguments; \
            const all = [...document.querySelectorAll(within + ' button, ' + within + ' a, ' + within + ' summary')]; \
            const found = all.find(e => e.innerText.trim() === label) || all.find(e => e.innerText.trim().startsWith(label)); \
            if (!found) return null; found.scrollIntoView({ block: 'center' }); \
            const sends = found.type === 'submit' && found.form?.method !== 'dialog' && found.form?.checkValidity(); \
            const follows = found.href && !('afresh' in found.dataset) && new URL(found.href).hash === ''; \
            document.documentElement.dataset.left = ''; return [found, Boolean(sends || follows)];";
        let begun = Instant::now();
        loop {
            let found = self.client.execute(script, vec![json!(within), json!(label)]).await.unwrap_or_default();
            if let Some([found, leads]) = found.as_array().map(Vec::as_slice) {
                let element = Element::from_element_id(self.client.clone(), element_id(found).into());
                // A live region may be replaced between the look and the click: then the person looks again.
                if element.click().await.is_ok() {
                    if *leads == Value::Bool(true) {
                        self.leaves(label).await;
                    }
                    return;
                }
            }
            let text = self.page_text().await;
            assert!(begun.elapsed() < PATIENCE, "no `{label}` inside `{within}` at {}:\n{text}", self.path().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows the first link, or sends the form of the first button, that a selector finds, and waits for the page that it leads to.
    pub(crate) async fn follow(&self, selector: &str) {
        self.find(selector).await;
        self.script(&format!(
            "document.documentElement.dataset.left = ''; document.querySelector({selector:?}).click()"
        ))
        .await;
        self.leaves(selector).await;
    }

    /// Strikes Enter where the focus is, and waits for the page that it leads to.
    pub(crate) async fn enter(&self) {
        self.script("document.documentElement.dataset.left = ''").await;
        self.keys("\u{e007}").await;
        self.leaves("Enter").await;
    }

    /// Waits until the page that was there when `label` was pressed is replaced by another one, of whatever address.
    async fn leaves(&self, label: &str) {
        let script = "return document.readyState === 'complete' && !('left' in document.documentElement.dataset)";
        let begun = Instant::now();
        while self.client.execute(script, Vec::new()).await.unwrap_or_default() != Value::Bool(true) {
            assert!(begun.elapsed() < PATIENCE, "`{label}` leads nowhere from {}", self.path().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Types keys as a person does, wherever the focus is.
    pub(crate) async fn keys(&self, keys: &str) {
        let begun = Instant::now();
        loop {
            let typed = match self.client.active_element().await {
                Ok(element) => element.send_keys(keys).await,
                Err(error) => Err(error),
            };
            // A page that is just being replaced takes no keys, as a person notices too: nothing was typed.
            let Err(error) = typed else { return };
            assert!(begun.elapsed() < PATIENCE, "`{keys}` cannot be typed at {}: {error}", self.path().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Strikes the key of a letter, wherever the focus is: also on what no text can be typed into.
    pub(crate) async fn strike(&self, letter: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { letter } else { "" };
            self.tools("Input.dispatchKeyEvent", json!({ "type": kind, "key": letter, "text": text })).await;
        }
    }

    /// Waits until the page's text holds this.
    pub(crate) async fn sees(&self, needle: &str) {
        let begun = Instant::now();
        loop {
            let text = self.page_text().await;
            if text.contains(needle) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "`{needle}` is not at {}:\n{text}", self.path().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A driver and its port; `None` when it ended without one.
fn driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .args(["--port=0", "--log-level=SEVERE"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is there: `make deps` installs it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split("successfully on port ").nth(1)?.trim().trim_end_matches('.').parse().ok());
    let Some(port) = port else {
        driver.wait().unwrap();
        return None;
    };
    // Nobody else reads on; a full pipe would stop the driver.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

fn element_id(found: &Value) -> String {
    let id = found.as_object().and_then(|object| object.values().next());
    id.and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser only when it is asked to; a failing test has no time for an orderly end.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let request =
                format!("DELETE /session/{} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n", self.session);
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
