//! The connection test: what works, what does not, and what a person can do about it.

use mlc_model::{ChangeField, ChangeMode, Fault, FaultKind, PingReport, Window, WindowBounds, WindowId};
use mlc_outbound::TOKEN_PAUSE;

use crate::{ChangeChoice, Entity, EpicorAuth, EpicorClient, Page, PageAsk, fault::code, page_query};

/// Clocks further apart are worth a line: certificates and tokens begin to suffer. Windows do not, they go by the
/// server's time.
const SKEW_WORTH_A_WARNING_SECS: i64 = 60;

/// The operation of faults about getting a token.
const TOKEN_OPERATION: &str = "token.issue";

impl EpicorClient {
    /// Tests the connection for these entities: server, login, API key, company, the right to read each entity, how its
    /// changes are found, clock, page size. Reads only; never fails, says what is bad. Stops early where every further
    /// line would repeat the same trouble.
    pub async fn ping(&self, entities: &[Entity]) -> PingReport {
        let mut report = PingReport::default();
        let mut first = true;
        for &entity in entities {
            let query = page_query(entity, None, &PageAsk::Skip { skip: 0 }, &self.shape(&[]));
            match self.fetch_page(entity, &query).await {
                Ok(page) => {
                    if std::mem::take(&mut first) {
                        self.report_entrance(&mut report);
                    }
                    report_read(&mut report, entity, &page, self.config().page_rows);
                    self.report_change_field(&mut report, entity, page.count).await;
                    self.report_extra_columns(&mut report, entity).await;
                }
                Err(fault) => {
                    if first && self.report_closed_entrance(&mut report, &fault) {
                        return report;
                    }
                    if std::mem::take(&mut first) {
                        self.report_entrance(&mut report);
                    }
                    report_unreadable(&mut report, entity, &fault);
                    if fault.code.as_deref() == Some(code::UNKNOWN_PROPERTY) {
                        self.report_change_field(&mut report, entity, None).await;
                        self.report_extra_columns(&mut report, entity).await;
                    }
                }
            }
        }
        self.report_clock(&mut report).await;
        report
    }

    fn report_entrance(&self, report: &mut PingReport) {
        let how = match self.config().auth {
            EpicorAuth::Basic => "user name and password accepted",
            EpicorAuth::TokenResource => "token of TokenResource.svc issued and accepted",
            EpicorAuth::OAuth2 { .. } => "OAuth2 token issued and accepted",
        };
        report.good("server", format!("{} answers", self.config().address.root()));
        report.good("login", how);
        report.good("api key", "accepted");
        report.good("company", format!("{} is there", self.config().address.company()));
    }

    /// Reports a fault that stops everything. `false`: it concerns one entity only.
    fn report_closed_entrance(&self, report: &mut PingReport, fault: &Fault) -> bool {
        let (root, company) = (self.config().address.root(), self.config().address.company());
        match (fault.kind, fault.code.as_deref()) {
            (FaultKind::Unauthorized, Some(code::BAD_API_KEY)) => {
                report.good("server", format!("{root} answers"));
                report.bad(
                    "api key",
                    &fault.message,
                    format!("Create a key in API Key Maintenance of this environment that allows company {company}, then store it with `mlc connection set-secret` as `api_key`."),
                );
            }
            (FaultKind::Unauthorized, Some(code::NOT_FOUND)) => report.bad(
                "login",
                &fault.message,
                "Correct `token_url` (OAuth2) or `base_url` in the settings of the connection.",
            ),
            (FaultKind::Unauthorized, _) => {
                report.good("server", format!("{root} answers"));
                let names = match self.config().auth {
                    EpicorAuth::OAuth2 { .. } => "`client_id` and `client_secret`",
                    _ => "`user` and `password`",
                };
                report.bad(
                    "login",
                    &fault.message,
                    format!("Check {names} with `mlc connection set-secret`; the user must be enabled in Epicor and its password must not be expired."),
                );
            }
            (FaultKind::Rejected, Some(code::NOT_FOUND)) => {
                report.good("server", format!("{root} answers"));
                report.bad(
                    "company",
                    format!("Epicor answers 404: there is no company {company} at {root}, or no such instance. It says: {}", fault.message),
                    "Correct `company` (the company id, not its name) or `base_url` (`https://server/instance`) in the settings of the connection.",
                );
            }
            (FaultKind::Limited, Some(code::NO_LICENSE)) => report.bad(
                "license",
                &fault.message,
                "Free a licence or buy WebService licences, and set `license = \"web_service\"` for the connection.",
            ),
            (FaultKind::Limited, Some(TOKEN_PAUSE)) => report_no_token(report, fault),
            (FaultKind::Limited, _) => {
                report.bad("server", &fault.message, "Try again a little later; other calls use the budget now.");
            }
            (FaultKind::Transient, Some("net.connect" | "net.timeout" | "net.broken")) => report.bad(
                "server",
                format!("{root} does not answer: {}", fault.message),
                "Check `base_url`, the network and its firewall, and `ca_file` where the server has a certificate of your own authority.",
            ),
            (FaultKind::Transient, Some(code::CONVERSIONS_PENDING)) => {
                report.bad("server", &fault.message, "Wait until the upgrade of Epicor is finished.");
            }
            // It answers, but not with a token: nothing is known about what comes after the login.
            _ if fault.operation == TOKEN_OPERATION => report_no_token(report, fault),
            (FaultKind::Defect, _) => report.bad("server", &fault.message, "Correct `base_url` in the settings of the connection."),
            _ if fault.code.as_deref() == Some("answer.redirect") => report.bad(
                "server",
                &fault.message,
                "Use the address the server redirects to as `base_url`.",
            ),
            _ => return false,
        }
        true
    }

    async fn report_change_field(&self, report: &mut PingReport, entity: Entity, rows: Option<u64>) {
        let what = format!("{entity}: change field");
        let choice = match self.change_field(entity).await {
            Ok(choice) => choice,
            Err(fault) => {
                let fix = match fault.code.as_deref() {
                    Some(code::CONFIGURATION) => format!(
                        "Correct `change_fields.{entity}` in the settings of the connection, or leave it on `auto`."
                    ),
                    _ => "The description of the service ($metadata) could not be read; see the reason and try again."
                        .to_owned(),
                };
                report.bad(what, &fault.message, fix);
                return;
            }
        };
        if let Some(missing) = self.missing_columns(entity).await {
            report.bad(
                format!("{entity}: columns"),
                format!("this Epicor lacks {missing}"),
                "The release is not supported as it is; report the names above.",
            );
        }
        let detail = format!("{}: {}", choice.field, choice.why);
        match self.filter_is_honoured(entity, &choice, rows).await {
            Ok(true) if choice.field.mode == ChangeMode::FullScan => report.warning(
                what,
                detail,
                "Add a column that tells changes, or schedule this flow less often: every run reads every row.",
            ),
            Ok(true) if self.is_filter_lost(entity) => report.warning(
                what,
                format!("{detail}. This Epicor answers filters on {} with nothing, so changes are found by reading the newest rows without one", entity.set()),
                "Nothing to do. It costs a few more calls, the more the longer the connector stood still.",
            ),
            Ok(true) => report.good(what, detail),
            Ok(false) => report.bad(
                what,
                format!("{detail}. But Epicor ignores a filter on {}", choice.field.column),
                format!("Set another mode for `change_fields.{entity}`, such as full_scan."),
            ),
            Err(fault) => report.bad(
                what,
                format!("{detail}. But Epicor refuses a filter on {}: {}", choice.field.column, fault.message),
                format!("Set another mode for `change_fields.{entity}`, such as full_scan."),
            ),
        }
    }

    async fn missing_columns(&self, entity: Entity) -> Option<String> {
        let columns = self.columns(entity).await.ok()?;
        let missing: Vec<&str> = entity.columns().iter().copied().filter(|name| !columns.has(name)).collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// Holds the columns that the settings name against those that the service has. Says nothing when the service does not
    /// tell its columns: the line of the change field did.
    async fn report_extra_columns(&self, report: &mut PingReport, entity: Entity) {
        let Some(wanted) = self.config().extra_columns.get(&entity).filter(|wanted| !wanted.is_empty()) else { return };
        let Ok(columns) = self.columns(entity).await else { return };
        let what = format!("{entity}: extra columns");
        let missing: Vec<String> = wanted
            .iter()
            .filter(|name| !columns.has(name))
            .map(|name| match columns.other_spelling(name) {
                Some(spelling) => format!("{name} (but {spelling})"),
                None => name.clone(),
            })
            .collect();
        if missing.is_empty() {
            report.good(what, format!("{} there", wanted.join(", ")));
        } else {
            report.bad(
                what,
                format!("{} has no column {}; Epicor would refuse every page", entity.set(), missing.join(", ")),
                "Correct `fields` of the flows that read this entity: names of columns as Epicor spells them, upper and lower case too.",
            );
        }
    }

    /// Whether asking for revisions beyond the newest finds (nearly) nothing. No public source has seen Epicor honour a
    /// filter on `SysRevID` in v2, so it is tried out. Source: Epicor reference, sections 4 and 12.
    async fn filter_is_honoured(
        &self,
        entity: Entity,
        choice: &ChangeChoice,
        rows: Option<u64>,
    ) -> Result<bool, Fault> {
        if choice.field.mode != ChangeMode::Revision {
            return Ok(true);
        }
        let Some(newest) = self.newest(entity).await?.revision else { return Ok(true) };
        let Some(window) = beyond(&choice.field, newest) else { return Ok(true) };
        let found = self.count(entity, Some(&window)).await?.rows;
        Ok(found == 0 || rows.is_none_or(|rows| found < rows))
    }

    async fn report_clock(&self, report: &mut PingReport) {
        let Some(skew) = self.door.server_skew().await else { return };
        let seconds = skew.num_seconds();
        let detail = match seconds {
            0 => "Epicor's clock agrees with ours".to_owned(),
            ahead if ahead > 0 => format!("Epicor's clock is {ahead} s ahead of ours"),
            behind => format!("Epicor's clock is {} s behind ours", -behind),
        };
        if seconds.abs() > SKEW_WORTH_A_WARNING_SECS {
            report.warning("clock", detail, "Let both machines set their clocks by NTP. Changes are found all the same: windows go by Epicor's clock.");
        } else {
            report.good("clock", detail);
        }
    }
}

/// The window after a revision.
fn beyond(field: &ChangeField, revision: i64) -> Option<Window> {
    let id = WindowId::parse("ping").ok()?;
    Window::new(id, field.clone(), WindowBounds::Revision { since: Some(revision), until: None }).ok()
}

fn report_read(report: &mut PingReport, entity: Entity, page: &Page, asked: u32) {
    let what = format!("{entity}: read");
    let rows = match page.count {
        Some(count) => format!("{count} rows"),
        None => "rows are readable; their number is not told".to_owned(),
    };
    let broken = page.rows.iter().filter(|row| row.is_err()).count();
    if broken > 0 {
        let example = page.rows.iter().find_map(|row| row.as_ref().err()).map(|problem| problem.reason.clone());
        report.warning(
            what,
            format!(
                "{rows}; {broken} of the first {} cannot be read, such as: {}",
                page.received,
                example.unwrap_or_default()
            ),
            "Correct these records in Epicor; all others are carried over.",
        );
    } else {
        report.good(what, rows);
    }
    let received = u64::try_from(page.received).unwrap_or(u64::MAX);
    if received < u64::from(asked) && page.count.is_some_and(|count| count > received) {
        report.warning(
            format!("{entity}: page size"),
            format!("the server gives {received} rows at a time, {asked} were asked for"),
            format!("Nothing is lost. Setting `page_rows = {received}` for the connection makes it regular."),
        );
    }
}

fn report_unreadable(report: &mut PingReport, entity: Entity, fault: &Fault) {
    let what = format!("{entity}: read");
    let fix = match fault.code.as_deref() {
        Some(code::ACCESS_DENIED) => format!(
            "Give the user, and the access scope of the API key, the right to {} (GetRows, GetList and OData reads).",
            entity.service()
        ),
        Some(code::NOT_FOUND) => format!("Check that this Epicor has the service {}.", entity.service()),
        Some(code::UNKNOWN_PROPERTY) => {
            "This Epicor lacks a column we read; see the change field and extra columns in the settings.".to_owned()
        }
        Some(code::NO_LICENSE) => "Free a licence or buy WebService licences.".to_owned(),
        _ => "See the reason; where it is an internal error of Epicor, its event log tells more.".to_owned(),
    };
    report.bad(what, fault.to_string(), fix);
}

fn report_no_token(report: &mut PingReport, fault: &Fault) {
    report.bad(
        "login",
        &fault.message,
        "Check `token_url` or `base_url`, the network and the state of the token service; try again after some seconds.",
    );
}
