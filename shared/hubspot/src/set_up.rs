//! Creates and verifies the property group and the company properties.

use std::time::Duration;

use mlc_model::{Fault, PingReport};
use mlc_outbound::{Method, Request};
use serde_json::json;

use crate::{
    client::{HubspotClient, ordinary},
    definitions::{GROUP, Shape, Wanted, wanted},
    wire::PropertyDefinition,
};

/// A new property is usable 0.25 to 0.7 s after its creation; this is how often and how long it is looked for.
const READY_PAUSE: Duration = Duration::from_millis(250);
const READY_TRIES: u32 = 20;

/// What a set-up did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetUpReport {
    /// Properties (and `group epicor`) that it made.
    pub created: Vec<String>,
    /// Properties (and the group) that were there already, as they must be.
    pub present: Vec<String>,
    /// Properties that cannot be used and that a person has to see to.
    pub problems: Vec<PropertyProblem>,
}

/// A property that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyProblem {
    /// Name of the property.
    pub property: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do about it.
    pub fix: String,
}

impl HubspotClient {
    /// Makes the property group and every property of ours that is missing, checks those that are there, and waits until
    /// the new ones are usable. Changes nothing that exists. Safe to repeat.
    ///
    /// # Errors
    /// `Unauthorized` when the token lacks a scope, which is named; `Limited`, `Transient` as for any call.
    pub async fn set_up(&self) -> Result<SetUpReport, Fault> {
        let mut report = SetUpReport::default();
        let group = format!("group {GROUP}");
        if self.create_group().await? {
            report.created.push(group)
        } else {
            report.present.push(group)
        }
        let mut made = Vec::new();
        for property in wanted(self.config()) {
            match self.find(&property.name).await? {
                Some(found) => report.add_found(&property, &found),
                None if property.is_ours() => {
                    if let Some(created) = self.create(&property, &mut report).await? {
                        made.push((property, created));
                    }
                }
                None => report.problems.push(missing(&property)),
            }
        }
        // All together become usable in the time that one takes.
        for (property, created) in made {
            self.see_created(&property, created, &mut report).await?;
        }
        Ok(report)
    }

    /// Checks the properties without changing anything. One line per property.
    ///
    /// # Errors
    /// As [`Self::set_up`].
    pub async fn verify(&self) -> Result<PingReport, Fault> {
        let mut report = PingReport::default();
        for property in wanted(self.config()) {
            let what = format!("property {}", property.name);
            let problem = match self.find(&property.name).await? {
                Some(found) => property.complaint(&found).map(|complaint| problem(&property, complaint)),
                None => Some(missing(&property)),
            };
            match problem {
                None if property.shape == Shape::UniqueText => report.good(what, "is there and unique"),
                None => report.good(what, "is there"),
                Some(problem) => report.bad(what, problem.detail, problem.fix),
            }
        }
        Ok(report)
    }

    /// `false` when it was there.
    async fn create_group(&self) -> Result<bool, Fault> {
        let body = json!({ "name": GROUP, "label": "Epicor Kinetic", "displayOrder": -1 });
        let path = self.version().properties("companies/groups");
        let request = ordinary(Request::new(Method::POST, path, "groups.create")).json(body.to_string());
        match self.call(request).await {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.fault.status == Some(409) => Ok(false),
            Err(refusal) => Err(refusal.fault),
        }
    }

    /// Whether it was this call that made it; `None` when HubSpot does not let it be made.
    async fn create(&self, property: &Wanted, report: &mut SetUpReport) -> Result<Option<bool>, Fault> {
        let path = self.version().properties("companies");
        let request = ordinary(Request::new(Method::POST, path, "properties.create")).json(property.body().to_string());
        match self.call(request).await {
            Ok(_) => Ok(Some(true)),
            // Made by somebody else a moment ago, or archived: in either case what is there has to be looked at.
            Err(refusal) if refusal.fault.status == Some(409) => Ok(Some(false)),
            Err(refusal) if refusal.fault.status == Some(400) => {
                let fix = match property.shape {
                    Shape::UniqueText => {
                        "HubSpot allows 10 unique properties per object: name an existing one as `key_property`, or remove one"
                    }
                    _ => "correct the name in the settings, or make the property in HubSpot by hand",
                };
                report.problems.push(problem(property, (refusal.fault.message, fix.to_owned())));
                Ok(None)
            }
            Err(refusal) => Err(refusal.fault),
        }
    }

    async fn see_created(&self, property: &Wanted, created: bool, report: &mut SetUpReport) -> Result<(), Fault> {
        match self.find_when_ready(property).await? {
            Some(found) if created && property.complaint(&found).is_none() => {
                report.created.push(property.name.clone())
            }
            Some(found) => report.add_found(property, &found),
            None => report.problems.push(problem(
                property,
                (
                    "was created but cannot be read yet".to_owned(),
                    "run `mlc ping --set-up` again in a minute".to_owned(),
                ),
            )),
        }
        Ok(())
    }

    async fn find_when_ready(&self, property: &Wanted) -> Result<Option<PropertyDefinition>, Fault> {
        for _ in 0..READY_TRIES {
            if let Some(found) = self.find(&property.name).await? {
                return Ok(Some(found));
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        // Not among the living ones: perhaps among the archived ones.
        self.read_definition(&property.name, "?archived=true").await
    }

    async fn find(&self, name: &str) -> Result<Option<PropertyDefinition>, Fault> {
        self.read_definition(name, "").await
    }

    /// `None` when HubSpot has no such property.
    async fn read_definition(&self, name: &str, query: &str) -> Result<Option<PropertyDefinition>, Fault> {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let path = format!("{}{query}", self.version().properties(&format!("companies/{name}")));
        match self.call(ordinary(Request::new(Method::GET, path, "properties.read"))).await {
            Ok(answer) => answer.json().map(Some),
            Err(refusal)
                if refusal.fault.status == Some(404) && refusal.fault.code.as_deref() != Some("PATH_UNKNOWN") =>
            {
                Ok(None)
            }
            Err(refusal) => Err(refusal.fault),
        }
    }
}

impl SetUpReport {
    fn add_found(&mut self, property: &Wanted, found: &PropertyDefinition) {
        match property.complaint(found) {
            None => self.present.push(property.name.clone()),
            Some(complaint) => self.problems.push(problem(property, complaint)),
        }
    }
}

fn problem(property: &Wanted, (detail, fix): (String, String)) -> PropertyProblem {
    PropertyProblem { property: property.name.clone(), detail, fix }
}

fn missing(property: &Wanted) -> PropertyProblem {
    let fix = if property.is_ours() {
        "run `mlc ping --set-up`".to_owned()
    } else {
        format!("make the company property `{}` in HubSpot, or take it out of the settings", property.name)
    };
    problem(property, ("is missing".to_owned(), fix))
}
