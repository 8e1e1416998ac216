//! Section `[alerts]`.

use std::{collections::BTreeMap, fmt, time::Duration};

use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use mlc_model::ChannelId;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{AlertChannel, ServerTimeZone, duration};

/// What people are told of by themselves, and when not. Without a channel nobody is told anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsSettings {
    /// Time between two looks. Default 15 s, 5 s to 5 min.
    #[serde(with = "duration")]
    pub every: Duration,
    /// What lasts is told again after this long. Default 4 h, 5 min to 31 d.
    #[serde(with = "duration")]
    pub repeat: Duration,
    /// What begins within this time is one message; what ends within it is not told at all. Default 30 s, 0 s to 1 h.
    #[serde(with = "duration")]
    pub group_wait: Duration,
    /// When nothing but `critical` is told; the rest is one summary at their end. Default: never.
    pub quiet: Vec<QuietTime>,
    /// A flow is late when a poll that was due is not completely handed on after this long. Default 1 h, 1 min to 31 d. A flow can have its
    /// own: `lag_limit`.
    #[serde(with = "duration")]
    pub lag: Duration,
    /// Percent of a limit of bytes from which it is near: of the dead-letter shelf's, of each lane's, of Redis' `maxmemory`. Default 80,
    /// 1 to 100.
    pub bytes_near: u8,
    /// Webhook deliveries to one connection within five minutes whose signature is refused. Default 20, 1 to 1,000,000.
    pub signature_failures: u32,
    /// Address of the console as people reach it, for links. Default: no links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_url: Option<Url>,
    /// Ways to people, by name.
    #[serde(skip_deserializing, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<ChannelId, AlertChannel>,
}

impl Default for AlertsSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(15),
            repeat: Duration::from_secs(4 * 60 * 60),
            group_wait: Duration::from_secs(30),
            quiet: Vec::new(),
            lag: Duration::from_secs(60 * 60),
            bytes_near: 80,
            signature_failures: 20,
            console_url: None,
            channels: BTreeMap::new(),
        }
    }
}

impl AlertsSettings {
    /// Whether only `critical` is told now.
    pub fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        self.quiet.iter().any(|quiet| quiet.covers(now))
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A connection's credentials are refused, and its lane is held.
    Held,
    /// A cause on the dead-letter shelf that was not there before.
    DeadLetters,
    /// A flow is late.
    Lag,
    /// Jobs wait and nobody takes them.
    Unconsumed,
    /// A limit of bytes is near.
    Bytes,
    /// Webhook deliveries are refused for their signatures.
    Signatures,
}

impl AlertKind {
    /// As settings and messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::DeadLetters => "dead_letters",
            Self::Lag => "lag",
            Self::Unconsumed => "unconsumed",
            Self::Bytes => "bytes",
            Self::Signatures => "signatures",
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much an alert matters. In this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look today.
    Warning,
    /// Somebody must look now: records do not move, or soon will not.
    Critical,
}

impl AlertSeverity {
    /// As settings and messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A time that comes again every day or on some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietTime {
    /// Days on which it begins: `MON`, `TUE`, `WED`, `THU`, `FRI`, `SAT`, `SUN`. Default: every day.
    #[serde(default)]
    pub days: Vec<QuietDay>,
    /// When it begins, such as `20:00`. Needed.
    pub from: TimeOfDay,
    /// When it ends, such as `07:00`: of the next day where that is not later than `from`. Needed.
    pub until: TimeOfDay,
    /// Whose clock. Default `UTC`.
    #[serde(default)]
    pub time_zone: ServerTimeZone,
}

impl QuietTime {
    /// Whether it is that time now.
    pub fn covers(&self, now: DateTime<Utc>) -> bool {
        let local = self.time_zone.local(now);
        let minute = local.hour() * 60 + local.minute();
        let begins_on = |day: Weekday| self.days.is_empty() || self.days.iter().any(|one| one.0 == day);
        let (today, from, until) = (local.weekday(), u32::from(self.from.0), u32::from(self.until.0));
        if from < until {
            begins_on(today) && from <= minute && minute < until
        } else {
            (begins_on(today) && from <= minute) || (begins_on(today.pred()) && minute < until)
        }
    }
}

/// A day of the week. Written as `MON`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietDay(Weekday);

impl TryFrom<String> for QuietDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let shown: String = text.chars().take(20).collect();
        let day = if text.len() == 3 { text.parse().ok() } else { None };
        day.map(Self).ok_or_else(|| format!("`{shown}` is not a day: use MON, TUE, WED, THU, FRI, SAT, SUN"))
    }
}

impl From<QuietDay> for String {
    fn from(day: QuietDay) -> Self {
        day.0.to_string().to_uppercase()
    }
}

/// A time of the day in minutes. Written as `20:00`; `24:00` is the day's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TryFrom<String> for TimeOfDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| if part.len() == 2 { part.parse::<u16>().ok() } else { None };
        let minutes = text.split_once(':').and_then(|(hour, minute)| {
            let (hour, minute) = (number(hour)?, number(minute)?);
            (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
        });
        let shown: String = text.chars().take(20).collect();
        minutes.map(Self).ok_or_else(|| format!("`{shown}` is not a time such as \"20:00\""))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}
