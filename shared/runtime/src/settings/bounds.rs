//! Small checks that several sections share: ranges, addresses, names.

use std::{fmt::Display, time::Duration};

use url::{Host, Url};

use super::{duration, reading::Reading};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const MIB: u64 = 1 << 20;

pub(super) const NO_COLUMN: &str = "is not a name of an Epicor column";
pub(super) const COLUMN_FIX: &str = "use the column's name, such as \"ShortChar01\" or \"Region_c\"";

pub(super) fn span(reading: &mut Reading<'_>, path: &[&str], value: Duration, least: Duration, most: Duration) {
    if value < least || value > most {
        let fix = format!("use {} to {}", duration::format(least), duration::format(most));
        reading.wrong(path, format!("{} is out of range", duration::format(value)), fix);
    }
}

pub(super) fn range<N: PartialOrd + Display>(reading: &mut Reading<'_>, path: &[&str], value: N, least: N, most: N) {
    if value < least || value > most {
        reading.wrong(path, format!("{value} is out of range"), format!("use {least} to {most}"));
    }
}

/// A pace, where one is set.
pub(super) fn check_rate(reading: &mut Reading<'_>, path: &[&str], rate: Option<f64>) {
    if let Some(rate) = rate.filter(|rate| !(*rate > 0.0 && *rate <= 1000.0)) {
        reading.wrong(path, format!("{rate} is out of range"), "use more than 0, at most 1000");
    }
}

/// A text that must be there and fit. `most` counts characters.
pub(super) fn check_text(reading: &mut Reading<'_>, path: &[&str], text: &str, most: usize) {
    if text.trim().is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        reading.wrong(path, "is empty, too long or holds control characters", format!("use 1 to {most} characters"));
    }
}

pub(super) fn check_url(reading: &mut Reading<'_>, path: &[&str], url: &Url) {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
        reading.wrong(path, "is not a web address", "use https://host/path");
    } else if url.scheme() == "http" && !loopback {
        reading.wrong(path, "would send credentials in the clear", "use https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "secrets do not belong in the settings file: use mlc connection set-secret";
        reading.wrong(path, problem, "remove what stands before `@`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        reading.wrong(path, "has a query or a fragment", "end it with the path");
    }
}

/// A name of a column goes into addresses and filters as it is.
pub(super) fn is_column(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A name of an attribute in Adobe Commerce. Source: Adobe Commerce, attribute codes have up to 60 such characters.
pub(super) fn is_attribute(name: &str) -> bool {
    name.len() <= 60 && is_property(name)
}

/// A name of a property in HubSpot.
pub(super) fn is_property(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
