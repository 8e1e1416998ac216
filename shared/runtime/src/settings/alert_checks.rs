//! What must hold for `[alerts]`.

use std::{net::IpAddr, time::Duration};

use super::{
    AlertChannel, AlertsSettings, MailChannel, MailTls,
    bounds::{DAY, HOUR, MINUTE, SECOND, check_text, check_url, range, span},
    reading::Reading,
};

const MOST_CHANNELS: usize = 20;
const MOST_QUIET_TIMES: usize = 50;
const MOST_RECEIVERS: usize = 50;

pub(super) fn check_alerts(alerts: &AlertsSettings, reading: &mut Reading<'_>) {
    span(reading, &["alerts", "every"], alerts.every, 5 * SECOND, 5 * MINUTE);
    span(reading, &["alerts", "repeat"], alerts.repeat, 5 * MINUTE, 31 * DAY);
    span(reading, &["alerts", "group_wait"], alerts.group_wait, Duration::ZERO, HOUR);
    span(reading, &["alerts", "lag"], alerts.lag, MINUTE, 31 * DAY);
    range(reading, &["alerts", "bytes_near"], alerts.bytes_near, 1, 100);
    range(reading, &["alerts", "signature_failures"], alerts.signature_failures, 1, 1_000_000);
    if let Some(url) = &alerts.console_url {
        check_url(reading, &["alerts", "console_url"], url);
    }
    if alerts.quiet.len() > MOST_QUIET_TIMES {
        reading.wrong(&["alerts", "quiet"], "are too many", format!("use at most {MOST_QUIET_TIMES}"));
    }
    if alerts.channels.len() > MOST_CHANNELS {
        reading.wrong(&["alerts", "channels"], "are too many", format!("use at most {MOST_CHANNELS}"));
    }
    for (name, channel) in &alerts.channels {
        let at = |key: &'static str| ["alerts", "channels", name.as_str(), key];
        let (only, except) = channel.kinds();
        if !only.is_empty() && !except.is_empty() {
            reading.wrong(&at("except"), "does not go together with `only`", "remove one of the two");
        }
        if let AlertChannel::Mail(mail) = channel {
            check_mail(mail, &at, reading);
        }
    }
}

fn check_mail<'a>(mail: &MailChannel, at: &impl Fn(&'static str) -> [&'a str; 4], reading: &mut Reading<'_>) {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    if mail.host.is_empty() || mail.host.len() > 253 || !mail.host.chars().all(good) {
        reading.wrong(&at("host"), "is not the name of a server", "use a name such as \"mail.example.com\"");
    }
    let loopback = mail.host == "localhost" || mail.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if mail.tls == MailTls::None && !loopback {
        let problem = "would send mails and the password in the clear";
        reading.wrong(&at("tls"), problem, "use \"starttls\" or \"implicit\"; \"none\" only leads to this machine");
    }
    if mail.port == Some(0) {
        reading.wrong(&at("port"), "0 is out of range", "use 1 to 65535");
    }
    if let Some(user) = &mail.user {
        check_text(reading, &at("user"), user, 254);
    }
    let fix = "use an address such as \"operations@example.com\"";
    if !is_mail_address(&mail.from) {
        reading.wrong(&at("from"), "is not a mail address", fix);
    }
    if mail.to.is_empty() || mail.to.len() > MOST_RECEIVERS {
        reading.wrong(&at("to"), "holds no receiver or too many", format!("use 1 to {MOST_RECEIVERS} addresses"));
    }
    // Not the address itself: a person's is personal data, and errors end in logs.
    if let Some(place) = mail.to.iter().position(|address| !is_mail_address(address)) {
        reading.wrong(&at("to"), format!("holds an entry, number {}, that is not a mail address", place + 1), fix);
    }
}

/// A bare address, without a name before it. What it leads to, only the server knows.
fn is_mail_address(text: &str) -> bool {
    let good =
        |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '\\' | '@');
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && local.chars().all(good) && domain.chars().all(good)
        })
}
