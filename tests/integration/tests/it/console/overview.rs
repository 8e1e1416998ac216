//! The overview: charts that are really drawn, and the same numbers for those who do not look at pictures.

use std::time::Duration;

use mlc_house::VENDORS;
use serde_json::{Value, json};

use super::{
    browser::{Browser, Look},
    site::Site,
};
use crate::processes::eventually;

/// How many pixels of a chart have the colour of the page's variable, with room for smoothed edges.
async fn pixels(browser: &Browser, chart: &str, colour: &str) -> u64 {
    let script = format!(
        "const canvas = document.querySelector('#{chart} canvas');
         const probe = document.createElement('canvas').getContext('2d', {{ willReadFrequently: true }});
         probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--{colour}').trim();
         probe.fillRect(0, 0, 1, 1);
         const wanted = probe.getImageData(0, 0, 1, 1).data;
         const drawn = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
         let found = 0;
         for (let at = 0; at < drawn.length; at += 4) {{
           if (drawn[at + 3] > 200 && [0, 1, 2].every(part => Math.abs(drawn[at + part] - wanted[part]) < 12)) found += 1;
         }}
         return found;"
    );
    browser.script(&script).await.as_u64().unwrap_or(0)
}

/// The column of a chart's table, from the oldest time on.
async fn column(browser: &Browser, chart: &str, at: usize) -> Vec<String> {
    let script = format!(
        "return [...document.querySelector('#{chart}').closest('figure').querySelectorAll('tbody tr')]
            .map(row => row.querySelectorAll('td')[{at}].textContent.trim()).reverse()"
    );
    let found = browser.script(&script).await;
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

fn sum(column: &[String]) -> u64 {
    column.iter().map(|text| text.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_are_drawn_in_every_colour_scheme_and_hold_the_numbers_of_their_tables() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let dead = site.house.dead_letters().await.unwrap().len() as u64;
    for look in Look::ALL {
        browser.look(look).await;
        browser.go("/").await;
        for (chart, colours) in [
            ("chart-throughput", &["accent", "good"][..]),
            ("chart-failures", &["bad"]),
            ("chart-wait", &["accent"]),
            ("chart-run", &["good"]),
        ] {
            for colour in colours {
                let found = pixels(&browser, chart, colour).await;
                assert!(found > 3, "{look:?} {chart} {colour}: {found} pixels");
            }
        }
    }
    browser.look(Look::Light).await;
    browser.go("/").await;
    // Who changes the scheme while he looks sees the charts in the other colours.
    browser.look(Look::Dark).await;
    let redrawn = async || pixels(&browser, "chart-throughput", "good").await > 3;
    eventually("the charts in the dark colours", Duration::from_secs(20), redrawn).await;
    browser.look(Look::Light).await;
    eventually("the charts in the light colours", Duration::from_secs(20), redrawn).await;

    // The picture is for eyes only; the table says the same to everybody.
    for (chart, name) in [("chart-throughput", "Throughput"), ("chart-failures", "Failures"), ("chart-wait", "Wait")] {
        browser.press("main figure", &format!("{name} as a table")).await;
        let drawn =
            browser.script(&format!("return JSON.parse(document.querySelector('#{chart}').dataset.chart)")).await;
        let hidden = browser.all(&format!("#{chart}"), "aria-hidden").await;
        assert_eq!(hidden, ["true"]);
        for (at, series) in drawn["series"].as_array().unwrap().iter().enumerate() {
            let values = series["values"].as_array().unwrap();
            let told = column(&browser, chart, at).await;
            assert_eq!(told.len(), values.len(), "{name}");
            let is_same = |(told, drawn): (&String, &Value)| match drawn.as_f64() {
                None => told == "–",
                Some(_) if name == "Wait" => told.ends_with('s'),
                Some(number) => told.parse() == Ok(number),
            };
            assert!(told.iter().zip(values).all(is_same), "{name}: {told:?} {values:?}");
        }
    }
    assert_eq!(sum(&column(&browser, "chart-failures", 2).await), dead);
    browser.sees(&format!("0 failed, {dead} dead")).await;
    // Of 35 days the table tells days, and there are parts of 36.
    for (tab, period, rows) in [("Last day", "day", 24), ("Last 35 days", "month", 36), ("Last hour", "", 60)] {
        browser.press("main nav", tab).await;
        browser.sees("Throughput").await;
        let path = if period.is_empty() { "/".to_owned() } else { format!("/?period={period}") };
        browser.comes_to(&path).await;
        browser.shows("main nav [aria-current]", "innerText", &[tab.to_owned()]).await;
        let told = column(&browser, "chart-failures", 2).await;
        assert!(told.len() >= rows - 1 && told.len() <= rows + 1, "{tab}: {}", told.len());
        assert_eq!(sum(&told), dead, "{tab}");
        assert!(pixels(&browser, "chart-failures", "bad").await > 3, "{tab}");
        // What is folded up is not looked at.
        browser.script("document.querySelectorAll('.chart details').forEach(table => table.open = true)").await;
        assert_eq!(browser.violations().await, [""; 0], "{tab}");
    }
    assert!(browser.complaints().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_and_charts_of_the_overview_follow_what_happens_and_lead_to_it() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let dead = site.house.dead_letters().await.unwrap().len();
    browser.go("/").await;
    browser.script("window.stays = document.querySelector('#chart-throughput canvas')").await;
    let before = sum(&column(&browser, "chart-throughput", 1).await);
    let vendor = json!({"VendorID": "NONAME", "Name": "", "City": "Duluth"});
    site.house.epicor.store().insert_vendor(&vendor).unwrap();
    site.house.epicor.store().insert_vendor(&json!({"VendorID": "NEW", "Name": "New Ltd", "City": "Duluth"})).unwrap();
    // The lane that is held keeps its jobs: what is waited for is the sight of it.
    site.house.order(VENDORS, mlc_flow::Extent::Incremental).await.unwrap();
    browser.shows(".cards li:nth-child(5) .figure", "innerText", &[(dead + 1).to_string()]).await;
    let done = async || sum(&column(&browser, "chart-throughput", 1).await) > before;
    eventually("the chart's table follows", Duration::from_secs(20), done).await;
    let same = "return window.stays === document.querySelector('#chart-throughput canvas')";
    assert_eq!(browser.script(same).await, true, "the chart goes on with new numbers instead of being drawn anew");

    for (figure, path) in [(1, "/jobs?state=ready"), (2, "/jobs?state=running"), (3, "/jobs?state=delayed")] {
        assert_eq!(browser.all(&format!(".cards li:nth-child({figure}) a"), "href").await, [path]);
    }
    // From the warning to the connection, from a cause to its letters.
    browser.press("#warnings", "shop-main").await;
    browser.arrives("/connections/shop-main").await;
    browser.go("/").await;
    let cause = browser.all("#causes tbody a", "href").await.remove(0);
    let letters = browser.all("#causes tbody td.n", "innerText").await.remove(0);
    browser.follow("#causes tbody a").await;
    browser.arrives("/dead-letters/list").await;
    assert!(cause.ends_with(browser.path().await.as_str()), "{cause}");
    browser.sees(&format!("All that match: {letters} letters")).await;
    for (lane, state) in [("shop-main", "ready")] {
        browser.go("/").await;
        browser.follow(&format!("#lanes a[href='/jobs?lane={lane}&state={state}']")).await;
        browser.arrives("/jobs").await;
        browser.sees(lane).await;
    }
}
