//! Two sides that both edit a vendor: what is written where, and whose edit is lost by it.
//!
//! For each shared field both sides remember what they last agreed on, as fingerprints: Epicor's value and the shop's. A value that is
//! neither, nor one that we were sending, is a person's edit. The owner's value counts. Whoever overwrites a person's edit, lists it:
//! the push looks at the shop right before it writes there, the pull looks at Epicor.

use std::collections::{BTreeMap, BTreeSet};

use mlc_model::{Fault, Fingerprint, RecordKey, SharedField};
use serde::{Deserialize, Serialize};

use crate::shared_values::{SharedValues, value_print};

/// Values being sent that are remembered per field. More only come together while a side refuses every one of them.
const SENT: usize = 16;

/// What both sides last agreed on about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Agreement {
    /// Epicor's value.
    epicor: Fingerprint,
    /// The shop's, which may be a cut form of the same.
    shop: Fingerprint,
    /// Values that were sent since to a side that may or may not have taken them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<Fingerprint>,
}

impl Agreement {
    fn is(&self, epicor: Fingerprint, shop: Fingerprint) -> bool {
        self.epicor == epicor && self.shop == shop
    }

    /// Whether a value is one that we know, so that nobody typed it since.
    fn knows(&self, value: Fingerprint) -> bool {
        self.epicor == value || self.shop == value || self.sent.contains(&value)
    }
}

/// What both sides last agreed on about one vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    vendor: RecordKey,
    fields: BTreeMap<SharedField, Agreement>,
}

/// What a push has to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushPlan {
    /// Fields whose Epicor value goes to the shop.
    pub write: BTreeSet<SharedField>,
    /// Those among them whose value in the shop a person typed: it is overwritten and has to be listed.
    pub lost: BTreeSet<SharedField>,
    /// Epicor may hold another value of a field that the shop owns: the shop's has to be brought there.
    pub pull: bool,
}

/// What a look at the shop found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// The shop's fields may not be in Epicor yet.
    pub write: bool,
    /// A person edited in the shop what Epicor owns: the vendor has to be pushed again.
    pub restore: bool,
}

/// What a pull has to write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullPlan {
    /// Fields whose value from the shop goes to Epicor.
    pub write: BTreeSet<SharedField>,
    /// Those among them whose value in Epicor a person typed: it is overwritten and has to be listed.
    pub lost: BTreeSet<SharedField>,
}

impl Agreed {
    /// Whom it is about.
    pub fn vendor(&self) -> &RecordKey {
        &self.vendor
    }

    /// As it was kept.
    ///
    /// # Errors
    /// `Defect` for a text that is none.
    pub fn read(vendor: RecordKey, kept: Option<&str>) -> Result<Self, Fault> {
        let fields = kept.map(serde_json::from_str).transpose();
        let fields = fields.map_err(|problem| Fault::defect("map.agreed", problem.to_string()))?;
        Ok(Self { vendor, fields: fields.unwrap_or_default() })
    }

    /// To keep: fingerprints by field, no values.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(&self.fields).map_err(|problem| Fault::defect("map.agreed", problem.to_string()))
    }

    fn print(&self, field: SharedField, text: &str) -> Result<Fingerprint, Fault> {
        value_print(&self.vendor, field, text)
    }

    /// Both sides hold these values now.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn settle(&mut self, field: SharedField, epicor: &str, shop: &str) -> Result<(), Fault> {
        let agreement =
            Agreement { epicor: self.print(field, epicor)?, shop: self.print(field, shop)?, sent: Vec::new() };
        self.fields.insert(field, agreement);
        Ok(())
    }

    /// This value is about to be sent: found later at the other side, it is no person's edit, even when we never learn whether it arrived.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn sending(&mut self, field: SharedField, text: &str) -> Result<(), Fault> {
        let print = self.print(field, text)?;
        if let Some(agreement) = self.fields.get_mut(&field)
            && !agreement.sent.contains(&print)
        {
            agreement.sent.push(print);
            let surplus = agreement.sent.len().saturating_sub(SENT);
            agreement.sent.drain(..surplus);
        }
        Ok(())
    }

    /// What the vendor in hand means for the company as it is now. Settles what is equal.
    ///
    /// The vendor may be older than what Epicor holds by now, so nothing is settled or listed here about fields that the shop owns, except
    /// at first sight: the pull reads Epicor afresh.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn plan_push(
        &mut self,
        shop_owns: &BTreeSet<SharedField>,
        vendor: &SharedValues,
        company: &SharedValues,
    ) -> Result<PushPlan, Fault> {
        let mut plan = PushPlan::default();
        for field in SharedField::ALL {
            let (epicor, shop) = (vendor.get(field), company.get(field));
            let known = self.fields.get(&field).cloned();
            if epicor == shop {
                if known.is_none() || !shop_owns.contains(&field) {
                    self.settle(field, epicor, shop)?;
                }
                continue;
            }
            let (epicor, shop) = (self.print(field, epicor)?, self.print(field, shop)?);
            if known.as_ref().is_some_and(|known| known.is(epicor, shop)) {
                continue;
            }
            if shop_owns.contains(&field) {
                plan.pull = true;
                continue;
            }
            plan.write.insert(field);
            if known.is_some_and(|known| !known.knows(shop)) {
                plan.lost.insert(field);
            }
        }
        Ok(plan)
    }

    /// What the company as it is now asks for. `doubtful`: what Epicor holds is not certain.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn look(
        &self,
        shop_owns: &BTreeSet<SharedField>,
        company: &SharedValues,
        doubtful: bool,
    ) -> Result<Seen, Fault> {
        let mut seen = Seen { write: doubtful && !shop_owns.is_empty(), restore: false };
        for field in SharedField::ALL {
            let shop = self.print(field, company.get(field))?;
            match (self.fields.get(&field), shop_owns.contains(&field)) {
                (known, true) => seen.write |= known.is_none_or(|known| known.shop != shop),
                (Some(known), false) => seen.restore |= !known.knows(shop),
                // The push has not been there yet.
                (None, false) => {}
            }
        }
        Ok(seen)
    }

    /// What values of the shop mean for the vendor as Epicor has it now. Settles what is equal.
    ///
    /// # Errors
    /// `Defect`, never in practice.
    pub fn plan_pull(
        &mut self,
        shop_owns: &BTreeSet<SharedField>,
        vendor: &SharedValues,
        company: &BTreeMap<SharedField, String>,
    ) -> Result<PullPlan, Fault> {
        let mut plan = PullPlan::default();
        for (field, shop) in company.iter().filter(|(field, _)| shop_owns.contains(field)) {
            let epicor = vendor.get(*field);
            if epicor == shop {
                self.settle(*field, epicor, shop)?;
                continue;
            }
            let (epicor, shop) = (self.print(*field, epicor)?, self.print(*field, shop)?);
            match self.fields.get(field) {
                Some(known) if known.is(epicor, shop) => {}
                known => {
                    plan.write.insert(*field);
                    if known.is_some_and(|known| !known.knows(epicor)) {
                        plan.lost.insert(*field);
                    }
                }
            }
        }
        Ok(plan)
    }
}
