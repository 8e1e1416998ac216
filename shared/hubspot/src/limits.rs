//! HubSpot's allowances: the budgets a connection starts with, what is learned from headers, and what a 429 asks for.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use mlc_outbound::{Answer, BudgetConfig, Door};

use crate::wire::{AccountDetails, ErrorBody};

/// Ordinary calls, per token. Source: HubSpot usage guidelines.
pub const BURST: &str = "burst";
/// Search calls, per account; they do not count in the burst.
pub const SEARCH: &str = "search";
/// Association batches, which have an allowance of their own.
pub const ASSOCIATIONS: &str = "associations";
/// All calls of a day, per account.
pub const DAILY: &str = "daily";
/// Calls in flight. HubSpot has no such limit, but parallel upserts lock each other out (423).
pub const CONCURRENCY: &str = "concurrency";

/// The smallest plan's allowance; taken until the headers tell a better one.
const DEFAULT_BURST: u32 = 100;
const BURST_WINDOW: Duration = Duration::from_secs(10);
/// HubSpot allows 5; a hair less, because its second and ours begin at different times.
const SEARCHES_PER_SECOND: u32 = 4;
/// Below this a hint in `Retry-After` is believed to be seconds. Source: HubSpot reference, section 7.3.
const LONGEST_BELIEVED_HINT: Duration = Duration::from_secs(120);
/// A move between data centres takes at most a day.
const LONGEST_MOVE: Duration = Duration::from_secs(24 * 3600);

/// The budgets of a connection. `burst` is the plan's allowance per 10 s where the settings name it.
pub fn budgets(burst: Option<u32>, concurrency: u32) -> Vec<BudgetConfig> {
    let utc = Utc.fix();
    vec![
        BudgetConfig::paced(BURST, burst.unwrap_or(DEFAULT_BURST), BURST_WINDOW),
        BudgetConfig::paced(SEARCH, SEARCHES_PER_SECOND, Duration::from_secs(1)),
        BudgetConfig::paced(ASSOCIATIONS, DEFAULT_BURST, BURST_WINDOW),
        BudgetConfig::daily(DAILY, None, utc),
        BudgetConfig::concurrency(CONCURRENCY, concurrency),
    ]
}

/// The plan as the headers of an ordinary answer tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SeenPlan {
    /// Calls allowed per window, and the window.
    pub(crate) burst: Option<(u32, Duration)>,
    /// Calls allowed per day, and how many are left. OAuth apps have no such limit and no such headers.
    pub(crate) daily: Option<(u64, u64)>,
}

impl SeenPlan {
    /// Reads `X-HubSpot-RateLimit-*`. Nonsense is treated as not there.
    pub(crate) fn of(answer: &Answer) -> Self {
        let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
        let max = number("x-hubspot-ratelimit-max").and_then(|max| u32::try_from(max).ok());
        let window = number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(10_000);
        let burst = max
            .filter(|max| (1..=100_000).contains(max) && (1_000..=60_000).contains(&window))
            .map(|max| (max, Duration::from_millis(window)));
        let daily = number("x-hubspot-ratelimit-daily")
            .filter(|limit| *limit > 0)
            .zip(number("x-hubspot-ratelimit-daily-remaining"));
        Self { burst, daily }
    }

    /// Tells the budgets of all workers.
    pub(crate) fn teach(self, door: &Door) {
        if let Some((max, window)) = self.burst {
            door.learn(BURST, max, window);
        }
        if let Some((limit, remaining)) = self.daily {
            door.learn_daily(DAILY, limit, remaining);
        }
    }
}

/// Which allowance a 429 says is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitPolicy {
    /// The window of ten seconds.
    TenSecondly,
    /// One second: searches.
    Secondly,
    /// The account's day.
    Daily,
    /// Another or none: Cloudflare, the token endpoint.
    Unknown,
}

impl LimitPolicy {
    /// By `policyName`, else by the sentence: recordings of searches have only that.
    pub(crate) fn of(body: &ErrorBody) -> Self {
        let name = body.policy_name.as_deref().unwrap_or_default().to_ascii_uppercase();
        let sentence = body.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        if name.starts_with("TEN_SECONDLY") || sentence.contains("ten_secondly") {
            Self::TenSecondly
        } else if name.starts_with("SECONDLY") || sentence.contains("secondly limit") {
            Self::Secondly
        } else if name.starts_with("DAILY") || sentence.contains("daily limit") {
            Self::Daily
        } else {
            Self::Unknown
        }
    }

    /// Short name for the fault's code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TenSecondly => "TEN_SECONDLY",
            Self::Secondly => "SECONDLY",
            Self::Daily => "DAILY",
            Self::Unknown => "RATE_LIMIT",
        }
    }

    /// How long to keep away. `random` is in 0..1: it spreads the workers over the second after.
    /// `midnight` is the time left of the account's day; without it the day's limit is tried again in an hour.
    pub(crate) fn wait(self, hint: Option<Duration>, midnight: Option<Duration>, random: f64) -> Duration {
        let jitter = Duration::from_secs_f64(random.clamp(0.0, 1.0));
        let believed = hint.filter(|hint| (Duration::from_secs(1)..=LONGEST_BELIEVED_HINT).contains(hint));
        match self {
            Self::TenSecondly => believed.unwrap_or_default().max(BURST_WINDOW) + jitter,
            Self::Secondly => believed.unwrap_or(Duration::from_secs(1)) + jitter / 5,
            // Some seconds past midnight, so that a clock a little ahead does not start the new day too early.
            Self::Daily => midnight.unwrap_or(Duration::from_secs(3600)) + Duration::from_secs(5) + jitter * 30,
            Self::Unknown => believed.unwrap_or(BURST_WINDOW) + jitter,
        }
    }
}

/// How long an account that is being moved wants to be left alone (477). An hour where it does not say.
pub(crate) fn moving_wait(hint: Option<Duration>) -> Duration {
    hint.unwrap_or(Duration::from_secs(3600)).clamp(Duration::from_secs(1), LONGEST_MOVE)
}

/// Offset of the account's zone at its next midnight: on the night of a clock change it differs from today's.
pub(crate) fn offset_at_midnight(account: &AccountDetails, now: DateTime<Utc>) -> Option<FixedOffset> {
    let named = account.time_zone.as_deref().and_then(|name| name.parse::<chrono_tz::Tz>().ok()).and_then(|zone| {
        let tomorrow = now.with_timezone(&zone).date_naive().succ_opt()?.and_time(NaiveTime::MIN);
        // Some zones change their clocks at midnight itself: then the hour after is the first of the day.
        let midnight = zone
            .from_local_datetime(&tomorrow)
            .earliest()
            .or_else(|| zone.from_local_datetime(&(tomorrow + TimeDelta::hours(1))).earliest())?;
        Some(midnight.offset().fix())
    });
    named.or_else(|| FixedOffset::east_opt(i32::try_from(account.utc_offset_milliseconds? / 1000).ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::System;

    use super::*;

    fn body(json: &str) -> ErrorBody {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_policy_is_read_from_its_name_or_from_the_sentence() {
        let cases = [
            (r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#, LimitPolicy::TenSecondly),
            (r#"{"message":"You have reached your ten_secondly_rolling limit."}"#, LimitPolicy::TenSecondly),
            (r#"{"policyName":"SECONDLY"}"#, LimitPolicy::Secondly),
            (r#"{"message":"You have reached your secondly limit.","category":"RATE_LIMITS"}"#, LimitPolicy::Secondly),
            (r#"{"policyName":"DAILY"}"#, LimitPolicy::Daily),
            (r#"{"message":"You have reached your rate limit."}"#, LimitPolicy::Unknown),
        ];
        for (json, policy) in cases {
            assert_eq!(LimitPolicy::of(&body(json)), policy, "{json}");
        }
    }

    #[test]
    fn each_policy_waits_its_own_time() {
        let secs = Duration::from_secs;
        assert_eq!(LimitPolicy::TenSecondly.wait(None, None, 0.0), secs(10));
        assert_eq!(LimitPolicy::TenSecondly.wait(None, None, 1.0), secs(11));
        assert_eq!(LimitPolicy::Secondly.wait(None, None, 0.0), secs(1));
        assert_eq!(LimitPolicy::Daily.wait(None, Some(secs(7200)), 0.0), secs(7205));
        assert_eq!(LimitPolicy::Daily.wait(None, None, 0.0), secs(3605));
        assert_eq!(LimitPolicy::Unknown.wait(Some(secs(30)), None, 0.0), secs(30));
        // 5000 is milliseconds by somebody's reading: not believed.
        assert_eq!(LimitPolicy::Unknown.wait(Some(secs(5000)), None, 0.0), secs(10));
        assert_eq!(moving_wait(Some(secs(100_000))), secs(86_400));
    }

    #[test]
    fn the_plan_is_read_from_the_headers_and_nonsense_is_not() {
        let answer = |headers: &[(&str, &str)]| Answer::recorded(System::Hubspot, "x", false, 200, headers, "");
        let seen = SeenPlan::of(&answer(&[
            ("X-HubSpot-RateLimit-Max", "190"),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000"),
            ("X-HubSpot-RateLimit-Daily", "625000"),
            ("X-HubSpot-RateLimit-Daily-Remaining", "611034"),
        ]));
        assert_eq!(seen, SeenPlan { burst: Some((190, Duration::from_secs(10))), daily: Some((625_000, 611_034)) });
        assert_eq!(SeenPlan::of(&answer(&[("X-HubSpot-RateLimit-Max", "0")])), SeenPlan::default());
        assert_eq!(SeenPlan::of(&answer(&[("X-HubSpot-RateLimit-Max", "many")])), SeenPlan::default());
    }

    #[test]
    fn the_day_ends_by_the_accounts_zone_also_on_the_night_of_a_clock_change() {
        let account = |json: &str| serde_json::from_str::<AccountDetails>(json).unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let brussels = account(r#"{"timeZone":"Europe/Brussels","utcOffsetMilliseconds":7200000}"#);
        assert_eq!(offset_at_midnight(&brussels, at("2026-10-24T12:00:00Z")).unwrap().local_minus_utc(), 7200);
        assert_eq!(offset_at_midnight(&brussels, at("2026-10-25T00:30:00Z")).unwrap().local_minus_utc(), 3600);
        let odd = account(r#"{"timeZone":"Somewhere","utcOffsetMilliseconds":-18000000}"#);
        assert_eq!(offset_at_midnight(&odd, at("2026-10-25T00:30:00Z")).unwrap().local_minus_utc(), -18000);
        assert_eq!(offset_at_midnight(&account("{}"), at("2026-10-25T00:30:00Z")), None);
    }
}
