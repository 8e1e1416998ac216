//! Rate limits: a sliding burst window per token, search per second, and a daily sum.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

const BURST_WINDOW: Duration = Duration::from_secs(10);
const SEARCHES_A_SECOND: u32 = 5;
const ASSOCIATION_CALLS_A_DAY: u64 = 500_000;
/// The portal's clock is one hour ahead of UTC; its day starts then.
const PORTAL_OFFSET_MS: i64 = 3_600_000;

/// A HubSpot subscription, as far as rate limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// 100 calls per 10 s, 250,000 a day.
    Free,
    /// 190 calls per 10 s, 625,000 a day.
    #[default]
    Professional,
    /// 190 calls per 10 s, 1,000,000 a day.
    Enterprise,
    /// 250 calls per 10 s, 2,000,000 a day: Enterprise with the paid increase.
    Increased,
}

impl Plan {
    fn burst(self) -> u32 {
        match self {
            Self::Free => 100,
            Self::Professional | Self::Enterprise => 190,
            Self::Increased => 250,
        }
    }

    fn daily(self) -> u64 {
        match self {
            Self::Free => 250_000,
            Self::Professional => 625_000,
            Self::Enterprise => 1_000_000,
            Self::Increased => 2_000_000,
        }
    }

    fn association_burst(self) -> u32 {
        match self {
            Self::Free => 100,
            Self::Professional => 150,
            Self::Enterprise | Self::Increased => 200,
        }
    }
}

/// Limits as they can be set at start or while running. What is `None` follows the plan.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// The subscription.
    pub plan: Plan,
    /// Calls per 10 s and token, instead of the plan's (also instead of the 110 of OAuth apps).
    pub burst: Option<u32>,
    /// Calls a day and account, instead of the plan's.
    pub daily: Option<u64>,
    /// No limit refuses anything; the counters still count.
    pub lifted: bool,
}

/// Which allowance a call draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    Burst,
    Search,
    Association,
}

/// Which limit refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    TenSecondly,
    Secondly,
    Daily,
}

/// Grants within a sliding window.
#[derive(Debug, Default)]
struct Window {
    grants: VecDeque<Instant>,
    highest: u32,
    granted: u64,
    refused: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Window {
    fn in_use(&mut self, now: Instant, length: Duration) -> u32 {
        while self.grants.front().is_some_and(|grant| now.duration_since(*grant) >= length) {
            self.grants.pop_front();
        }
        u32::try_from(self.grants.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, now: Instant, length: Duration, allowance: u32) -> bool {
        let in_use = self.in_use(now, length);
        if in_use >= allowance {
            self.refused += 1;
            return false;
        }
        self.grants.push_back(now);
        self.highest = self.highest.max(in_use + 1);
        self.granted += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
        true
    }
}

/// How much of the burst allowance was used, over all tokens.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BurstUse {
    /// Calls a window of 10 s allows for the token used most.
    pub allowance: u32,
    /// Most calls granted in any window of 10 s.
    pub highest_in_a_window: u32,
    /// Calls granted.
    pub granted: u64,
    /// Calls refused with 429.
    pub refused: u64,
    /// From the first to the last granted call.
    pub span_ms: u64,
    /// Calls a perfect client could have been granted in that span.
    pub possible_in_span: u64,
}

/// All limiters of a portal.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    burst: HashMap<String, Window>,
    association: HashMap<String, Window>,
    search: Window,
    day: i64,
    used_today: u64,
    associations_today: u64,
}

/// What the headers of an answer tell about the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) burst: Option<(u32, u32)>,
    pub(super) daily: Option<(u64, u64)>,
}

impl Limiter {
    pub(super) fn new(settings: Limits) -> Self {
        Self { settings, ..Self::default() }
    }

    fn burst_allowance(&self, oauth: bool) -> u32 {
        let of_plan = if oauth { 110 } else { self.settings.plan.burst() };
        self.settings.burst.unwrap_or(of_plan)
    }

    pub(super) fn daily_allowance(&self) -> u64 {
        self.settings.daily.unwrap_or(self.settings.plan.daily())
    }

    /// Calls of private apps since the portal's midnight.
    pub(super) fn used_today(&self) -> u64 {
        self.used_today
    }

    /// Sets the daily counter, to come close to the limit without a day's worth of calls.
    pub(super) fn set_used_today(&mut self, used: u64) {
        self.used_today = used;
    }

    /// Counts a call that arrived at `now`, or says which limit refuses it.
    pub(super) fn take(
        &mut self,
        token: &str,
        oauth: bool,
        bucket: Bucket,
        now: Instant,
        now_ms: i64,
    ) -> Result<Standing, Exceeded> {
        let day = (now_ms + PORTAL_OFFSET_MS).div_euclid(86_400_000);
        if day != self.day {
            self.day = day;
            self.used_today = 0;
            self.associations_today = 0;
        }
        let lifted = self.settings.lifted;
        let daily = self.daily_allowance();
        if bucket == Bucket::Association {
            self.associations_today += 1;
            if self.associations_today > ASSOCIATION_CALLS_A_DAY && !lifted {
                return Err(Exceeded::Daily);
            }
        }
        if !oauth {
            if self.used_today >= daily && !lifted {
                return Err(Exceeded::Daily);
            }
            self.used_today += 1;
        }
        let or_endless = |allowance: u32| if lifted { u32::MAX } else { allowance };
        let allowance = self.burst_allowance(oauth);
        let mut burst = None;
        match bucket {
            Bucket::Burst => {
                let window = window_of(&mut self.burst, token);
                if !window.take(now, BURST_WINDOW, or_endless(allowance)) {
                    return Err(Exceeded::TenSecondly);
                }
                let in_use = u32::try_from(window.grants.len()).unwrap_or(u32::MAX);
                burst = Some((allowance, allowance.saturating_sub(in_use)));
            }
            Bucket::Association => {
                let allowance = or_endless(self.settings.plan.association_burst());
                if !window_of(&mut self.association, token).take(now, BURST_WINDOW, allowance) {
                    return Err(Exceeded::TenSecondly);
                }
            }
            Bucket::Search => {
                let allowance = or_endless(SEARCHES_A_SECOND);
                if !self.search.take(now, Duration::from_secs(1), allowance) {
                    return Err(Exceeded::Secondly);
                }
            }
        }
        let left = daily.saturating_sub(self.used_today);
        Ok(Standing { burst, daily: (!oauth).then_some((daily, left)) })
    }

    /// How much of the burst was used since the start or the last reset.
    pub(super) fn burst_use(&self) -> BurstUse {
        let allowance = self.burst_allowance(false);
        let Some(busiest) = self.burst.values().max_by_key(|window| window.granted) else {
            return BurstUse { allowance, ..BurstUse::default() };
        };
        let span = match (busiest.first, busiest.last) {
            (Some(first), Some(last)) => last.duration_since(first),
            _ => Duration::ZERO,
        };
        let windows = span.as_secs() / BURST_WINDOW.as_secs() + 1;
        BurstUse {
            allowance,
            highest_in_a_window: busiest.highest,
            granted: self.burst.values().map(|window| window.granted).sum(),
            refused: self.burst.values().map(|window| window.refused).sum(),
            span_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            possible_in_span: windows * u64::from(allowance),
        }
    }

    /// Forgets all use; the settings stay.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.settings.clone());
    }
}

fn window_of<'a>(windows: &'a mut HashMap<String, Window>, token: &str) -> &'a mut Window {
    if !windows.contains_key(token) {
        windows.insert(token.to_owned(), Window::default());
    }
    windows.entry(token.to_owned()).or_default()
}
