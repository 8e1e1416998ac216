//! Opening, reading, closing windows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, JobId, Window, WindowId};
use redis::Value;
use serde::de::DeserializeOwned;

use crate::{
    CloseOutcome, CloseRequest, Ledger, LedgerError, NewWindow, Opened, PageMark, PageMode, PageState, PassTotals,
    Purpose, WINDOWS_KEPT, WindowRow, WindowState,
    chain::Chain,
    checkpoint::RECENT_KEPT,
    keys::{self, FlowKeys},
    packing::{pack_i64, unpack_i64},
    scripts,
};

const WHAT: &str = "window";

impl Ledger {
    /// Opens a window, or returns the one of the same entity and purpose that is open already. The ledger gives the id,
    /// `<flow>.<number>`. Keeps the newest 10,000 windows of a flow, and every open one.
    ///
    /// # Errors
    /// `InvalidWindow` for bounds that leave nothing between them; `Redis`.
    pub async fn open_window(&self, new: NewWindow) -> Result<Opened, LedgerError> {
        self.open_keeping(new, WINDOWS_KEPT).await
    }

    async fn open_keeping(&self, new: NewWindow, kept: u32) -> Result<Opened, LedgerError> {
        let keys = self.keys(&new.flow);
        let unnumbered = window_id(&new.flow, 0)?;
        Window::new(unnumbered, new.change_field.clone(), new.bounds)?;
        let json = |value: serde_json::Result<String>| value.map_err(|error| LedgerError::unreadable(WHAT, error));
        let slot = match new.purpose {
            Purpose::Replay => String::new(),
            purpose => format!("{}/{}", new.entity, purpose.as_str()),
        };
        let mut call = scripts::OPEN_WINDOW.prepare_invoke();
        call.key(keys.meta()).key(keys.open()).key(keys.windows());
        call.arg(slot).arg(keys.window_prefix()).arg(new.at.timestamp_millis()).arg(kept);
        call.arg("entity").arg(&new.entity).arg("purpose").arg(new.purpose.as_str());
        call.arg("change_field").arg(json(serde_json::to_string(&new.change_field))?);
        call.arg("bounds").arg(json(serde_json::to_string(&new.bounds))?);
        call.arg("query").arg(&new.query).arg("mode").arg(new.mode.as_str());
        if let Some(id) = &new.replay_of {
            call.arg("replay_of").arg(id.as_str());
        }
        if let Some(job) = &new.opened_by {
            call.arg("opened_by").arg(job.as_str());
        }
        let (opened, number): (u8, u64) = call.invoke_async(&mut self.connection()).await?;
        let id = window_id(&new.flow, number)?;
        let row = self.window(&id).await?.ok_or(LedgerError::NoSuchWindow(id))?;
        Ok(if opened == 1 { Opened::New(row) } else { Opened::Coalesced(row) })
    }

    /// Opens a window that asks exactly what an earlier one asked.
    ///
    /// # Errors
    /// `NoSuchWindow`, `Redis`, or `Unreadable`.
    pub async fn replay_window(&self, id: &WindowId, at: DateTime<Utc>) -> Result<WindowRow, LedgerError> {
        let row = self.window(id).await?.ok_or_else(|| LedgerError::NoSuchWindow(id.clone()))?;
        let new = NewWindow {
            flow: row.flow,
            entity: row.entity,
            purpose: Purpose::Replay,
            change_field: row.window.change_field,
            bounds: row.window.bounds,
            query: row.query,
            mode: PageMode::Skip,
            replay_of: Some(id.clone()),
            opened_by: None,
            at,
        };
        self.open_window(new).await.map(|opened| opened.row().clone())
    }

    /// Reads a window; `None` when it was never opened or has been pruned.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn window(&self, id: &WindowId) -> Result<Option<WindowRow>, LedgerError> {
        match keys::split_window_id(id) {
            Some((flow, number)) => Ok(self.read_windows(&flow, &[number]).await?.pop()),
            None => Ok(None),
        }
    }

    /// A flow's windows, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn windows(&self, flow: &FlowId, limit: usize) -> Result<Vec<WindowRow>, LedgerError> {
        let numbers: Vec<u64> = redis::cmd("ZREVRANGE")
            .arg(self.keys(flow).windows())
            .arg(0)
            .arg(limit.max(1) - 1)
            .query_async(&mut self.connection())
            .await?;
        self.read_windows(flow, &numbers).await
    }

    /// A page of a flow's windows, newest first: at most `limit`, those numbered below `before`. The number of the last one,
    /// [`WindowId`]'s last part, asks for the next page.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn windows_before(
        &self,
        flow: &FlowId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<WindowRow>, LedgerError> {
        let numbers: Vec<u64> = redis::cmd("ZREVRANGEBYSCORE")
            .arg(self.keys(flow).windows())
            .arg(before.map_or_else(|| "+inf".to_owned(), |number| format!("({number}")))
            .arg("-inf")
            .arg("LIMIT")
            .arg(0)
            .arg(limit.max(1))
            .query_async(&mut self.connection())
            .await?;
        self.read_windows(flow, &numbers).await
    }

    /// A flow's open windows; replays, which hold no slot, are not among them.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn open_windows(&self, flow: &FlowId) -> Result<Vec<WindowRow>, LedgerError> {
        let numbers: Vec<u64> =
            redis::cmd("HVALS").arg(self.keys(flow).open()).query_async(&mut self.connection()).await?;
        self.read_windows(flow, &numbers).await
    }

    async fn read_windows(&self, flow: &FlowId, numbers: &[u64]) -> Result<Vec<WindowRow>, LedgerError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.keys(flow);
        let mut pipe = redis::pipe();
        for number in numbers {
            pipe.cmd("HGETALL").arg(keys.window(*number));
        }
        for number in numbers {
            pipe.cmd("HLEN").arg(keys.pages(*number));
        }
        let answers: Vec<Value> = pipe.query_async(&mut self.connection()).await?;
        let (hashes, lengths) = answers.split_at(numbers.len());
        let hashes: Vec<HashMap<String, Vec<u8>>> = hashes
            .iter()
            .map(redis::from_redis_value_ref)
            .collect::<Result<_, _>>()
            .map_err(redis::RedisError::from)?;
        let lengths: Vec<u64> = lengths
            .iter()
            .map(redis::from_redis_value_ref)
            .collect::<Result<_, _>>()
            .map_err(redis::RedisError::from)?;
        let answers = hashes.into_iter().zip(lengths);
        let stored = numbers.iter().zip(answers).filter(|(_, (fields, _))| !fields.is_empty());
        stored.map(|(number, (fields, pages))| row(flow, *number, &Fields(fields), pages)).collect()
    }

    /// Marks a page of a pass as read; the same page again replaces its mark, so a page that ran twice counts once.
    /// `expected_pages` is given as soon as it is known: from the count on page one, or by the last page of a walk by key.
    ///
    /// # Errors
    /// `NoSuchWindow`, `Redis`, or `Unreadable`.
    pub async fn record_page(
        &self,
        id: &WindowId,
        pass: u32,
        page: PageMark,
        expected_pages: Option<u64>,
    ) -> Result<PageState, LedgerError> {
        let (_, keys, number) = self.locate(id)?;
        let mut call = scripts::RECORD_PAGE.prepare_invoke();
        call.key(keys.window(number)).key(keys.pages(number));
        call.arg(pass).arg(page.skip).arg(text(expected_pages)).arg(text(page.rows_in_window));
        call.arg(page.highest_revision.map(|revision| pack_i64(revision).to_vec()).unwrap_or_default());
        call.arg(page.requests);
        for count in [page.read, page.changed, page.unchanged, page.superseded, page.refused, page.excluded] {
            call.arg(count);
        }
        call.arg(text(page.starts)).arg(text(page.ends));
        let code: i64 = call.invoke_async(&mut self.connection()).await?;
        let row = self.window(id).await?.filter(|_| code >= 0);
        let totals = row.ok_or_else(|| LedgerError::NoSuchWindow(id.clone()))?.totals;
        Ok(PageState { complete: code == 2, stale: code == 0, totals })
    }

    /// Starts pass `pass`: marks and sums begin anew. True when the window is at that pass now, also when it was before;
    /// false when it is further or not open.
    ///
    /// # Errors
    /// `NoSuchWindow`, or `Redis`.
    pub async fn start_pass(&self, id: &WindowId, pass: u32, mode: PageMode) -> Result<bool, LedgerError> {
        let (_, keys, number) = self.locate(id)?;
        let code: i64 = scripts::START_PASS
            .key(keys.window(number))
            .key(keys.pages(number))
            .arg(pass)
            .arg(mode.as_str())
            .invoke_async(&mut self.connection())
            .await?;
        if code < 0 { Err(LedgerError::NoSuchWindow(id.clone())) } else { Ok(code == 1) }
    }

    /// Closes a window and moves the checkpoint in one step, if the pass was complete and, when paged by skip, saw the
    /// same count before, during and after. Call it when every changed record is enqueued: it first waits until Redis
    /// has those in its append-only file.
    ///
    /// # Errors
    /// `NoSuchWindow`, `Redis`, or `Unreadable`; also for a mark that is not in the unit of the window's change field.
    pub async fn close_window(&self, id: &WindowId, request: CloseRequest) -> Result<CloseOutcome, LedgerError> {
        let (_, keys, number) = self.locate(id)?;
        let row = self.window(id).await?.ok_or_else(|| LedgerError::NoSuchWindow(id.clone()))?;
        let change_field = &row.window.change_field;
        if request.mark.is_some_and(|mark| !mark.fits(change_field.mode)) {
            return Err(LedgerError::unreadable("mark", format!("it is not in the unit of {change_field}")));
        }
        if self.is_torn(&row, &keys, number, request.pass).await? {
            let (lowest, highest) = (row.totals.rows_low, row.totals.rows_high);
            return Ok(CloseOutcome::Unstable { lowest, highest, after: request.rows_after });
        }
        self.confirm_durable().await?;
        let field = serde_json::to_string(change_field).map_err(|error| LedgerError::unreadable(WHAT, error))?;
        let answer: Vec<String> = scripts::CLOSE_WINDOW
            .key(keys.window(number))
            .key(keys.pages(number))
            .key(keys.open())
            .key(keys.checkpoint(&row.entity))
            .arg(request.pass)
            .arg(request.at.timestamp_millis())
            .arg(text(request.rows_after))
            .arg(request.mark.map(|mark| pack_i64(mark.number()).to_vec()).unwrap_or_default())
            .arg(field)
            .arg(RECENT_KEPT)
            .invoke_async(&mut self.connection())
            .await?;
        // A script's -1 stands for a count that is not known.
        let count = |at: usize| answer.get(at).and_then(|text| text.parse::<u64>().ok());
        Ok(match answer.first().map_or("", String::as_str) {
            "closed" => CloseOutcome::Closed { checkpoint_moved: count(1) == Some(1) },
            "already" => CloseOutcome::AlreadyClosed,
            "abandoned" => CloseOutcome::Abandoned,
            "stale_pass" => {
                CloseOutcome::StalePass { current: count(1).and_then(|n| u32::try_from(n).ok()).unwrap_or(0) }
            }
            "incomplete" => CloseOutcome::Incomplete { pages: count(1).unwrap_or(0), expected: count(2) },
            "unstable" => CloseOutcome::Unstable { lowest: count(1), highest: count(2), after: request.rows_after },
            _ => return Err(LedgerError::NoSuchWindow(id.clone())),
        })
    }

    /// Whether a complete pass left a gap between two of its pages.
    async fn is_torn(&self, row: &WindowRow, keys: &FlowKeys, number: u64, pass: u32) -> Result<bool, LedgerError> {
        let totals = &row.totals;
        let is_whole = totals.expected_pages.is_some_and(|expected| totals.pages >= expected);
        let is_current = row.state == WindowState::Open && row.pass == pass && row.mode == PageMode::Skip;
        if totals.pages < 2 || !is_whole || !is_current {
            return Ok(false);
        }
        let marks: HashMap<u64, String> =
            redis::cmd("HGETALL").arg(keys.pages(number)).query_async(&mut self.connection()).await?;
        let chain = Chain::read(&marks).ok_or_else(|| missing("pages", "a mark cannot be read"))?;
        Ok(!chain.holds(totals.rows_low))
    }

    /// Gives an open window up. True when it was open; the checkpoint stays where it is.
    ///
    /// # Errors
    /// `NoSuchWindow`, or `Redis`.
    pub async fn abandon_window(&self, id: &WindowId, reason: &str, at: DateTime<Utc>) -> Result<bool, LedgerError> {
        let (_, keys, number) = self.locate(id)?;
        let code: i64 = scripts::ABANDON_WINDOW
            .key(keys.window(number))
            .key(keys.pages(number))
            .key(keys.open())
            .arg(at.timestamp_millis())
            .arg(reason.chars().take(500).collect::<String>())
            .invoke_async(&mut self.connection())
            .await?;
        if code < 0 { Err(LedgerError::NoSuchWindow(id.clone())) } else { Ok(code == 1) }
    }
}

fn window_id(flow: &FlowId, number: u64) -> Result<WindowId, LedgerError> {
    keys::window_id(flow, number).ok_or_else(|| LedgerError::unreadable("window id", "its flow's name is too long"))
}

fn text(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// The fields of a window's HASH.
struct Fields(HashMap<String, Vec<u8>>);

impl Fields {
    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.text(field)?.parse().ok()
    }

    fn count(&self, field: &str) -> u64 {
        self.number(field).unwrap_or(0)
    }

    fn time(&self, field: &str) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.text(field)?.parse().ok()?)
    }

    fn json<T: DeserializeOwned>(&self, field: &str) -> Result<T, LedgerError> {
        serde_json::from_str(self.text(field).unwrap_or_default()).map_err(|error| missing(field, error))
    }

    /// A field that holds one of our own words.
    fn word<T: DeserializeOwned>(&self, field: &str) -> Result<T, LedgerError> {
        let word = serde_json::Value::from(self.text(field).unwrap_or_default());
        serde_json::from_value(word).map_err(|error| missing(field, error))
    }
}

fn missing(field: &str, reason: impl std::fmt::Display) -> LedgerError {
    LedgerError::unreadable(WHAT, format!("field {field}: {reason}"))
}

fn row(flow: &FlowId, number: u64, fields: &Fields, pages: u64) -> Result<WindowRow, LedgerError> {
    let state: WindowState = fields.word("state")?;
    let high = fields.0.get("high").and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
    let totals = PassTotals {
        // The marks are gone once the window is closed; their number was kept.
        pages: if state == WindowState::Open { pages } else { fields.count("pages") },
        expected_pages: fields.number("expected"),
        read: fields.count("read"),
        changed: fields.count("changed"),
        unchanged: fields.count("unchanged"),
        superseded: fields.count("superseded"),
        refused: fields.count("refused"),
        excluded: fields.count("excluded"),
        rows_low: fields.number("rows_low"),
        rows_high: fields.number("rows_high"),
        highest_revision: high.map(unpack_i64),
    };
    Ok(WindowRow {
        flow: flow.clone(),
        entity: fields.text("entity").unwrap_or_default().to_owned(),
        purpose: fields.word("purpose")?,
        window: Window {
            id: window_id(flow, number)?,
            change_field: fields.json("change_field")?,
            bounds: fields.json("bounds")?,
        },
        query: fields.text("query").unwrap_or_default().to_owned(),
        mode: fields.word("mode")?,
        state,
        pass: fields.number("pass").and_then(|pass| u32::try_from(pass).ok()).unwrap_or(1),
        opened_at: fields.time("opened_at").ok_or_else(|| missing("opened_at", "no time"))?,
        opened_by: fields.text("opened_by").and_then(|id| JobId::parse(id).ok()),
        advanced_at: fields.time("advanced_at"),
        closed_at: fields.time("closed_at"),
        totals,
        requests: fields.count("requests"),
        reason: fields.text("reason").map(str::to_owned),
        replay_of: fields.text("replay_of").and_then(|id| WindowId::parse(id).ok()),
    })
}
