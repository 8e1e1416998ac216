//! The connection test: everything that can be known without writing.

use mlc_model::{Fault, FaultKind, PingReport};
use mlc_outbound::{Method, Request, TOKEN_PAUSE};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    HubspotAuth,
    client::{HubspotClient, ordinary},
    limits::SeenPlan,
    wire::{AccountDetails, TokenInfo, texts},
};

/// Scopes without which the flows cannot work. Source: HubSpot, "Scopes"; object scopes do not include definitions.
const NEEDED_SCOPES: [&str; 5] = [
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.companies.read",
];
/// Needed once, by the set-up.
const SET_UP_SCOPE: &str = "crm.schemas.companies.write";
/// More than this, and the day of the budget begins at the wrong moment.
const TOLERATED_SKEW_SECS: i64 = 60;

impl HubspotClient {
    /// Checks token, account, scopes, plan limits, properties and clocks. Never fails: what does not work is a bad line
    /// with what to do about it. Writes nothing.
    pub async fn ping(&self) -> PingReport {
        let mut report = PingReport::default();
        let refreshed_scopes = match self.refresh_for_scopes().await {
            Ok(scopes) => scopes,
            Err(fault) => {
                bad(&mut report, "token", &fault);
                return report;
            }
        };
        if let Err(fault) = self.check_account(&mut report).await {
            bad(&mut report, "token", &fault);
            return report;
        }
        let scopes = match self.config().auth {
            HubspotAuth::StaticToken => self.static_token_scopes().await,
            HubspotAuth::OAuth2 => refreshed_scopes,
        };
        check_scopes(&mut report, scopes);
        match self.verify().await {
            Ok(properties) => report.lines.extend(properties.lines),
            Err(fault) => bad(&mut report, "properties", &fault),
        }
        self.check_clock(&mut report).await;
        report
    }

    async fn check_account(&self, report: &mut PingReport) -> Result<(), Fault> {
        let request = ordinary(Request::new(Method::GET, self.version().account(), "account.read"));
        let answer = self.call(request).await.map_err(|refusal| refusal.fault)?;
        let account: AccountDetails = answer.json()?;
        self.learn_zone(&account, &answer);
        report.good("token", "accepted");
        let portal = texts(&account.portal_id).into_iter().next().unwrap_or_else(|| "unknown".to_owned());
        let kind = account.account_type.as_deref().unwrap_or("unknown type");
        report.good("account", format!("portal {portal} ({kind})"));
        match account.time_zone.as_deref() {
            Some(zone) => report.good("time zone", format!("{zone}: the daily allowance starts anew at its midnight")),
            None => report.warning(
                "time zone",
                "HubSpot does not tell it; UTC is taken for the daily allowance",
                "set the account's time zone in HubSpot",
            ),
        }
        let seen = SeenPlan::of(&answer);
        let burst = seen.burst.map(|(max, window)| format!("{max} calls per {} s", window.as_secs()));
        let daily = seen.daily.map(|(limit, left)| format!("{limit} calls a day, {left} left today"));
        match (burst, daily) {
            (None, None) => report.warning(
                "plan limits",
                "HubSpot tells none; 100 calls per 10 s are taken",
                "set the connection's `burst` when your plan allows more",
            ),
            (burst, daily) => {
                report.good("plan limits", burst.into_iter().chain(daily).collect::<Vec<_>>().join(", "));
            }
        }
        Ok(())
    }

    /// `None` where HubSpot does not tell.
    async fn static_token_scopes(&self) -> Option<Vec<String>> {
        let token = self.secrets().token.as_ref()?;
        let body = json!({ "tokenKey": token.expose_secret() });
        let path = "/oauth/v2/private-apps/get/access-token-info";
        let request = ordinary(Request::new(Method::POST, path, "token.info")).json(body.to_string()).writes(false);
        let answer = self.call(request).await.ok()?;
        scopes_of(&answer.json().ok()?)
    }

    /// With OAuth: renews once on purpose, which proves the refresh token and tells the scopes.
    async fn refresh_for_scopes(&self) -> Result<Option<Vec<String>>, Fault> {
        let Some(refresh) = self.refresh() else { return Ok(None) };
        let answer = refresh.ask(self.door()).await?;
        Ok(scopes_of(&answer.info))
    }

    async fn check_clock(&self, report: &mut PingReport) {
        let Some(skew) = self.door().server_skew().await else { return };
        let seconds = skew.num_seconds();
        if seconds.abs() > TOLERATED_SKEW_SECS {
            let side = if seconds > 0 { "behind" } else { "ahead of" };
            report.warning(
                "clock",
                format!("this machine is {} s {side} HubSpot", seconds.abs()),
                "let the machine take its time from a time server (NTP)",
            );
        } else {
            report.good("clock", format!("within {} s of HubSpot's", seconds.abs().max(1)));
        }
    }
}

fn scopes_of(info: &TokenInfo) -> Option<Vec<String>> {
    let listed: Vec<String> = texts(&info.scopes)
        .into_iter()
        .chain(texts(&info.scope))
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    (!listed.is_empty()).then_some(listed)
}

fn check_scopes(report: &mut PingReport, granted: Option<Vec<String>>) {
    let Some(granted) = granted else {
        return report.warning(
            "scopes",
            "HubSpot does not tell which scopes the token has",
            format!("make sure that it has {}, {SET_UP_SCOPE}", NEEDED_SCOPES.join(", ")),
        );
    };
    let missing: Vec<&str> =
        NEEDED_SCOPES.into_iter().filter(|scope| !granted.iter().any(|has| has == scope)).collect();
    if !missing.is_empty() {
        report.bad(
            "scopes",
            format!("the token lacks {}", missing.join(", ")),
            "add the scope to the private app or service key; an OAuth app must be connected again",
        );
    } else if granted.iter().any(|has| has == SET_UP_SCOPE) {
        report.good("scopes", "all that are needed");
    } else {
        report.warning(
            "scopes",
            format!("the token lacks {SET_UP_SCOPE}, which only the set-up needs"),
            "add the scope before running `mlc ping --set-up`",
        );
    }
}

fn bad(report: &mut PingReport, what: &str, fault: &Fault) {
    let fix = match fault.kind {
        FaultKind::Unauthorized if fault.code.as_deref() == Some("MISSING_SCOPES") => {
            "add the scope to the private app or service key; an OAuth app must be connected again"
        }
        FaultKind::Unauthorized => "check the token in HubSpot and set it with `mlc connection set-secret`",
        FaultKind::Limited if fault.code.as_deref() == Some(TOKEN_PAUSE) => {
            "check `base_url`, the network and HubSpot's status page, then try again after some seconds"
        }
        FaultKind::Limited => "wait until the allowance is free again",
        FaultKind::Transient | FaultKind::Uncertain => {
            "check `base_url`, the network and HubSpot's status page, then try again"
        }
        FaultKind::Rejected | FaultKind::Defect => "check `base_url` and `api_version` in the settings",
    };
    report.bad(what, fault.to_string(), fix);
}
