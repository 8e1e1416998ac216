//! What a page looks like in every way of looking at it: pictures, and what is wrong with it.

use std::path::PathBuf;

use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::json;

use super::Browser;

/// The rules of WCAG 2.2 AA, and what axe calls good practice.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const AXE: &str = include_str!("../../../../../fixtures/axe/axe.min.js");

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
    Phone,
}

impl Look {
    pub(crate) const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Phone];

    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Phone => "phone",
        }
    }
}

/// What the page told the browser's console.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

impl Browser {
    /// Looks at everything from now on in this way.
    pub(crate) async fn look(&self, look: Look) {
        let (width, height, scheme) = match look {
            Look::Light => (1280, 900, "light"),
            Look::Dark => (1280, 900, "dark"),
            Look::Phone => (360, 740, "light"),
        };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": look == Look::Phone });
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.tools("Emulation.setEmulatedMedia", features).await;
    }

    /// What axe finds wrong with the page, a line each.
    pub(crate) async fn violations(&self) -> Vec<String> {
        self.client.execute(AXE, Vec::new()).await.unwrap();
        let script = "const [rules, done] = arguments; \
            axe.run(document, { runOnly: rules }).then(r => done(r.violations.flatMap(v => v.nodes.map(n => \
            `${v.id}: ${v.help}: ${n.html.slice(0, 160)} ${n.any.map(a => a.message).join('; ').slice(0, 200)}`))), e => done([String(e)]));";
        let found = self.client.execute_async(script, vec![json!(RULES)]).await.unwrap();
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What the page or its policy complained about since this was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ConsoleLog).await.unwrap();
        let lines = log.as_array().cloned().unwrap_or_default();
        lines.iter().filter(|line| line["level"] == "SEVERE").map(|line| line["message"].to_string()).collect()
    }

    /// Looks at the page as it stands now, forms opened or filled, in every way: pictures under `name`, and what is wrong, a line
    /// each.
    pub(crate) async fn inspect(&self, name: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for look in Look::ALL {
            self.look(look).await;
            self.picture(look, name).await;
            wrong.extend(self.violations().await);
            let sideways = self.sideways().await;
            if sideways > 0 {
                wrong.push(format!("{sideways} pixels too wide"));
            }
            for line in &mut wrong {
                if !line.starts_with(name) {
                    *line = format!("{name} {look:?}: {line}");
                }
            }
        }
        self.look(Look::Light).await;
        wrong
    }

    /// How far the page is wider than the window, in pixels; 0 when it does not scroll sideways.
    pub(crate) async fn sideways(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.script(script).await.as_i64().unwrap_or(i64::MAX)
    }

    /// Writes a picture of the whole page to `target/console/<look>/<name>.png`.
    pub(crate) async fn picture(&self, look: Look, name: &str) {
        // Scrolled down, the picture would have the head of the page in its middle.
        self.script("window.scrollTo(0, 0)").await;
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.tools("Page.captureScreenshot", parameters).await;
        let png = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            answer["data"].as_str().unwrap_or_default(),
        )
        .unwrap();
        let folder = pictures().join(look.name());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }
}

/// Beside the programs of this build.
fn pictures() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.unwrap_or_else(|| program.parent().unwrap()).join("console")
}
