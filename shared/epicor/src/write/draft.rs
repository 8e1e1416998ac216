//! The one two-step piece: get new or get, change, save.

use mlc_model::{Fault, FaultKind, System};

use super::{
    ColumnValue, DataRow, Dataset,
    method::Method,
    wire::{Wire, call},
};
use crate::fault::code;

/// How a service saves.
#[derive(Clone, Copy)]
pub(crate) enum Save<'a> {
    /// `Update`, which takes the dataset alone.
    Update(&'static Method),
    /// `UpdateMaster`, which AP invoices have. All its parameters must be there.
    UpdateMaster { method: &'static Method, group: &'a str, table: &'static str },
}

/// A business object between two saves.
pub(crate) struct Draft<'w, W> {
    wire: &'w W,
    dataset: Dataset,
}

impl<'w, W: Wire> Draft<'w, W> {
    /// An object that is there: `GetByID`.
    pub(crate) async fn open(wire: &'w W, method: &'static Method, key: &[(&str, ColumnValue)]) -> Result<Self, Fault> {
        match call(wire, method, key, None).await?.dataset {
            Some(dataset) => Ok(Self { wire, dataset }),
            None => {
                let message = "Epicor has no such record.";
                let fault = Fault::new(FaultKind::Rejected, System::Epicor, method.operation, message);
                Err(fault.with_code(code::RECORD_NOT_FOUND))
            }
        }
    }

    /// The same, with `None` for an object that is not there.
    pub(crate) async fn open_if_there(
        wire: &'w W,
        method: &'static Method,
        key: &[(&str, ColumnValue)],
    ) -> Result<Option<Self>, Fault> {
        match Self::open(wire, method, key).await {
            Ok(draft) => Ok(Some(draft)),
            Err(fault) if fault.code.as_deref() == Some(code::RECORD_NOT_FOUND) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// An object that is not there yet.
    pub(crate) fn empty(wire: &'w W) -> Self {
        Self { wire, dataset: Dataset::default() }
    }

    /// `GetNewXxx` or `Change*`: sends the dataset, goes on with the one that comes back.
    pub(crate) async fn step(
        &mut self,
        method: &'static Method,
        parameters: &[(&str, ColumnValue)],
    ) -> Result<&mut Self, Fault> {
        if let Some(dataset) = call(self.wire, method, parameters, Some(&self.dataset)).await?.dataset {
            self.dataset = dataset;
        }
        Ok(self)
    }

    pub(crate) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    pub(crate) fn dataset_mut(&mut self) -> &mut Dataset {
        &mut self.dataset
    }

    /// The row that `GetNewXxx` made.
    pub(crate) fn added(&mut self, table: &str, method: &'static Method) -> Result<&mut DataRow, Fault> {
        self.dataset.added_mut(table).ok_or_else(|| {
            let message = format!("Epicor's answer holds no new row of {table}.");
            Fault::new(FaultKind::Rejected, System::Epicor, method.operation, message).with_code(code::WRONG_SHAPE)
        })
    }

    /// Saves. `None` = saved, but nothing came back.
    pub(crate) async fn save(self, save: Save<'_>) -> Result<Option<Dataset>, Fault> {
        let flag = ColumnValue::Flag;
        let (method, parameters) = match save {
            Save::Update(method) => (method, Vec::new()),
            Save::UpdateMaster { method, group, table } => (
                method,
                vec![
                    ("cGroupID", ColumnValue::text(group)),
                    ("cTableName", ColumnValue::text(table)),
                    ("runChkCPay", flag(false)),
                    ("runChkBankRef", flag(false)),
                    ("runChkRevChrg", flag(false)),
                    // Nobody is there to answer; what would have been asked comes back as `requiresUserInput`.
                    ("suppressUserPrompts", flag(true)),
                ],
            ),
        };
        let reply = call(self.wire, method, &parameters, Some(&self.dataset)).await?;
        reply.saved(method).map_err(|fault| self.wire.redacted(fault))
    }
}
