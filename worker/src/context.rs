//! All that a job may touch.

use std::sync::Arc;

use mlc_adobe::AdobeClient;
use mlc_connections::Connections;
use mlc_epicor::EpicorClient;
use mlc_hubspot::HubspotClient;
use mlc_ledger::Ledger;
use mlc_mapping::CompanyRules;
use mlc_model::{Clock, ConnectionId, Fault, FaultKind, FlowId, Sealer, System};
use mlc_queue::{Lane, Outcome, Queue, SnoozeReason};
use mlc_runtime::{
    metrics::Metrics,
    settings::{EpicorConnection, FlowSettings, Settings},
};

use crate::capabilities::KnownShops;
use crate::flows::{Rules, epicor_to_adobe::ShopRules, vendor_master};

/// How long a job waits when Redis cannot store what it did. Of one that is away, the job hears only seconds later, and the wait itself cannot be
/// stored before it is back: a longer pause would begin when there is nothing to wait for any more.
const REDIS_PAUSE: chrono::TimeDelta = chrono::TimeDelta::seconds(1);

/// Handed to every job. Clones share everything.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is configured.
    pub settings: Arc<Settings>,
    /// To look at lanes; follow-ups go through the job's outcome instead.
    pub queue: Queue,
    /// What has been moved.
    pub ledger: Ledger,
    /// Clients of the business systems.
    pub connections: Connections,
    /// Counters.
    pub metrics: Metrics,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Seals what is kept for people.
    pub(crate) sealer: Arc<dyn Sealer>,
    /// What the shops can do.
    pub(crate) shops: KnownShops,
}

impl Context {
    pub(crate) fn flow(&self, id: &FlowId) -> Result<&FlowSettings, Fault> {
        self.settings.flows.get(id).ok_or_else(|| {
            let message =
                format!("flows.\"{id}\" is not configured any more: put it back into the settings, then replay");
            Fault::new(FaultKind::Rejected, System::Connector, "settings", message).with_code("SETTINGS")
        })
    }

    pub(crate) fn epicor_settings(&self, id: &ConnectionId) -> Result<&EpicorConnection, Fault> {
        self.connections.epicor_settings(id)
    }

    pub(crate) async fn epicor(&self, id: &ConnectionId) -> Result<EpicorClient, Fault> {
        self.connections.epicor(id).await
    }

    pub(crate) async fn hubspot(&self, id: &ConnectionId) -> Result<HubspotClient, Fault> {
        self.connections.hubspot(id).await
    }

    pub(crate) async fn adobe(&self, id: &ConnectionId) -> Result<AdobeClient, Fault> {
        self.connections.adobe(id).await
    }

    /// As [`Context::note_refusal`], for a job that knows its lane: a lane bears the name of its connection.
    pub(crate) async fn note_refusal_in(&self, lane: &Lane, fault: &Fault) {
        if let Ok(connection) = ConnectionId::parse(lane.as_str()) {
            self.note_refusal(&connection, fault).await;
        }
    }

    /// What the settings say about the records of a flow.
    pub(crate) fn rules(&self, flow: &FlowId, from: &ConnectionId, to: &ConnectionId) -> Result<Rules, Fault> {
        match Rules::target(flow, self.flow(flow)?)? {
            System::Adobe => Ok(Rules::Adobe(Box::new(self.shop_rules(flow, from, to)?))),
            _ => Ok(Rules::Hubspot(self.company_rules(flow, to)?)),
        }
    }

    pub(crate) fn shop_rules(&self, flow: &FlowId, from: &ConnectionId, to: &ConnectionId) -> Result<ShopRules, Fault> {
        Ok(ShopRules {
            settings: self.flow(flow)?.clone(),
            connection: self.connections.adobe_settings(to)?.clone(),
            shop_owns: vendor_master::shop_owns(&self.settings, from, to),
        })
    }

    /// After a refusal of the credentials the lane is held; whoever resumes it has set new ones, which the next job must find.
    pub(crate) async fn note_refusal(&self, connection: &ConnectionId, fault: &Fault) {
        if fault.kind == FaultKind::Unauthorized {
            self.connections.forget_secrets(connection).await;
        }
    }

    /// Our own Redis being full, read-only or away is no failure of the job: it waits, and no attempt is burned.
    pub(crate) fn waits_for_redis(&self, fault: &Fault) -> Option<Outcome> {
        (fault.system == System::Redis && fault.kind == FaultKind::Transient)
            .then(|| Outcome::Snooze { until: self.clock.now() + REDIS_PAUSE, why: SnoozeReason::own_redis() })
    }

    pub(crate) fn company_rules(&self, flow: &FlowId, to: &ConnectionId) -> Result<CompanyRules, Fault> {
        let settings = self.flow(flow)?;
        let hubspot = self.connections.hubspot_settings(to)?;
        Ok(CompanyRules {
            key_property: hubspot.key_property.clone(),
            clear_empty_fields: settings.clear_empty_fields,
            set_builtin_type: hubspot.set_builtin_type,
            fields: settings.fields.clone(),
        })
    }

    /// Backpressure: a fast source must not fill Redis while its target is slow.
    pub(crate) async fn lane_is_full(&self, target: &ConnectionId) -> Result<bool, Fault> {
        let bytes = self.queue.lane_bytes(&Lane::from(target.clone())).await.map_err(|problem| {
            Fault::new(FaultKind::Transient, System::Redis, "queue.lane_bytes", problem.to_string())
        })?;
        Ok(bytes > self.settings.queue.lane_bytes)
    }
}
