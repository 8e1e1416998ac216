//! Which column tells what has changed: what the settings ask for, held against what the entity has.

use std::str::FromStr;

use mlc_model::{ChangeField, ChangeMode, Fault};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, EntityColumns, fault,
    query::{CHANGE_TIME_COLUMN, REVISION_COLUMN},
};

/// The column the product's page promises, and that the standard product does not have.
///
/// Source: Epicor reference, section 0, fact 1.
pub const UPDATED_ON: &str = "UpdatedOn";
const CHANGE_DATE: &str = "ChangeDate";

/// What the settings say about one entity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSetting {
    /// The mode asked for.
    pub mode: ModeSetting,
    /// The column asked for; `None` = the mode's usual one.
    pub column: Option<String>,
}

/// A mode, or the best the entity has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModeSetting {
    /// The best the entity has, see [`choose_change_field`].
    #[default]
    Auto,
    /// This one and no other.
    Fixed(ChangeMode),
}

/// A mode that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown change mode: use auto, timestamp, date, date_plus_seconds, revision or full_scan")]
pub struct InvalidMode;

impl FromStr for ModeSetting {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        const MODES: [ChangeMode; 5] = [
            ChangeMode::Timestamp,
            ChangeMode::Date,
            ChangeMode::DatePlusSeconds,
            ChangeMode::Revision,
            ChangeMode::FullScan,
        ];
        match text {
            "auto" => Ok(Self::Auto),
            _ => MODES.into_iter().find(|mode| mode.as_str() == text).map(Self::Fixed).ok_or(InvalidMode),
        }
    }
}

impl TryFrom<String> for ModeSetting {
    type Error = InvalidMode;

    fn try_from(text: String) -> Result<Self, InvalidMode> {
        text.parse()
    }
}

impl From<ModeSetting> for String {
    fn from(setting: ModeSetting) -> Self {
        match setting {
            ModeSetting::Auto => "auto".to_owned(),
            ModeSetting::Fixed(mode) => mode.as_str().to_owned(),
        }
    }
}

/// A change field with the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeChoice {
    /// What a window is cut by.
    pub field: ChangeField,
    /// Why this one, in a sentence for people.
    pub why: String,
}

/// Chooses the change field of an entity.
///
/// `auto` takes the first that exists of: `UpdatedOn`, `SysRevID`, `ChangeDate` with `ChangeTime`, `ChangeDate`, full
/// scan. `auto` with a column takes that column, in the mode its type suggests.
///
/// # Errors
/// `Rejected` with code `configuration` for a column that does not exist or has another type than the mode needs. The
/// message names the columns that would do.
///
/// Source: Epicor reference, section 4.
pub fn choose_change_field(columns: &EntityColumns, setting: &ChangeSetting) -> Result<ChangeChoice, Fault> {
    let named = setting.column.as_deref().map(str::trim).filter(|column| !column.is_empty());
    match (setting.mode, named) {
        (ModeSetting::Auto, None) => Ok(auto(columns)),
        (ModeSetting::Fixed(ChangeMode::FullScan), _) => {
            Ok(choice(ChangeMode::FullScan, "", "the settings ask for it".to_owned()))
        }
        (ModeSetting::Auto, Some(column)) => {
            require(columns, column, None)?;
            let mode = suggested_mode(columns, column);
            require(columns, column, Some(mode))?;
            Ok(choice(mode, column, format!("the settings name {column}, and its type suggests {mode}")))
        }
        (ModeSetting::Fixed(mode), named) => {
            let column = named.unwrap_or(match mode {
                ChangeMode::Timestamp => UPDATED_ON,
                ChangeMode::Date | ChangeMode::DatePlusSeconds => CHANGE_DATE,
                ChangeMode::Revision | ChangeMode::FullScan => REVISION_COLUMN,
            });
            require(columns, column, Some(mode))?;
            if mode == ChangeMode::DatePlusSeconds {
                require(columns, CHANGE_TIME_COLUMN, None)?;
            }
            Ok(choice(mode, column, "the settings ask for it".to_owned()))
        }
    }
}

fn auto(columns: &EntityColumns) -> ChangeChoice {
    let set = columns.entity.set();
    if columns.has(UPDATED_ON) && is_moment(columns, UPDATED_ON) {
        return choice(ChangeMode::Timestamp, UPDATED_ON, format!("{set} has {UPDATED_ON}"));
    }
    if columns.has(REVISION_COLUMN) && is_whole(columns, REVISION_COLUMN) {
        let dates = match (columns.has(CHANGE_DATE), columns.entity) {
            (true, Entity::CustomerContacts) => {
                format!("; nothing maintains its {CHANGE_DATE}, according to Epicor's own note")
            }
            (true, _) => format!("; its {CHANGE_DATE} knows days only"),
            (false, _) => "; it has no date of change at all".to_owned(),
        };
        let why = format!(
            "{set} has no {UPDATED_ON}. {REVISION_COLUMN} grows with every write to a row, so it finds every change{dates}"
        );
        return choice(ChangeMode::Revision, REVISION_COLUMN, why);
    }
    if columns.has(CHANGE_DATE) && is_moment(columns, CHANGE_DATE) {
        let (mode, with) = if columns.has(CHANGE_TIME_COLUMN) {
            (ChangeMode::DatePlusSeconds, format!(" with {CHANGE_TIME_COLUMN}"))
        } else {
            (ChangeMode::Date, String::new())
        };
        let why = format!(
            "{set} has neither {UPDATED_ON} nor {REVISION_COLUMN}; {CHANGE_DATE}{with} finds changes day by day, unchanged rows are told apart by content"
        );
        return choice(mode, CHANGE_DATE, why);
    }
    let why = format!("{set} has no column that tells changes: every row is read every time and compared by content");
    choice(ChangeMode::FullScan, "", why)
}

fn choice(mode: ChangeMode, column: &str, why: String) -> ChangeChoice {
    ChangeChoice { field: ChangeField { mode, column: column.to_owned() }, why }
}

fn is_moment(columns: &EntityColumns, column: &str) -> bool {
    matches!(columns.edm_type(column), Some("Edm.DateTimeOffset" | "Edm.DateTime" | "Edm.Date"))
}

fn is_whole(columns: &EntityColumns, column: &str) -> bool {
    matches!(columns.edm_type(column), Some("Edm.Int64" | "Edm.Int32" | "Edm.Decimal"))
}

fn suggested_mode(columns: &EntityColumns, column: &str) -> ChangeMode {
    match column {
        _ if is_whole(columns, column) => ChangeMode::Revision,
        CHANGE_DATE if columns.has(CHANGE_TIME_COLUMN) => ChangeMode::DatePlusSeconds,
        CHANGE_DATE => ChangeMode::Date,
        _ => ChangeMode::Timestamp,
    }
}

fn require(columns: &EntityColumns, column: &str, mode: Option<ChangeMode>) -> Result<(), Fault> {
    let entity = columns.entity;
    let operation = "change_field.choose";
    if !columns.has(column) {
        let hint = match columns.other_spelling(column) {
            Some(spelled) => format!("Epicor spells it {spelled}."),
            None => alternatives(columns),
        };
        let message =
            format!("{} has no column {column}, which the settings name as its change field. {hint}", entity.set());
        return Err(fault::configuration(operation, column, &message));
    }
    let fits = match mode {
        None | Some(ChangeMode::FullScan) => true,
        Some(ChangeMode::Revision) => is_whole(columns, column),
        Some(_) => is_moment(columns, column),
    };
    if fits {
        return Ok(());
    }
    let message = format!(
        "{}.{column} is {}, which does not fit mode {}. {}",
        entity.set(),
        columns.edm_type(column).unwrap_or("of unknown type"),
        mode.map_or("auto", ChangeMode::as_str),
        alternatives(columns)
    );
    Err(fault::configuration(operation, column, &message))
}

/// The columns of an entity that could tell changes, for messages.
fn alternatives(columns: &EntityColumns) -> String {
    let mut found: Vec<String> = Vec::new();
    for column in columns.names() {
        let lower = column.to_ascii_lowercase();
        let speaks_of_change = ["chang", "updat", "modif"].iter().any(|part| lower.contains(part));
        if column == CHANGE_DATE && columns.has(CHANGE_TIME_COLUMN) {
            found.push(format!("{column} with {CHANGE_TIME_COLUMN} (date_plus_seconds)"));
        } else if column == CHANGE_DATE {
            found.push(format!("{column} (date)"));
        } else if column == REVISION_COLUMN {
            found.push(format!("{column} (revision)"));
        } else if speaks_of_change && is_moment(columns, column) {
            found.push(format!("{column} (timestamp)"));
        }
    }
    found.push("full_scan".to_owned());
    format!("What it has instead: {}.", found.join(", "))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::FaultKind;

    use super::*;

    const MOMENT: &str = "Edm.DateTimeOffset";

    fn choose(
        entity: Entity,
        columns: &[(&str, &str)],
        mode: &str,
        column: Option<&str>,
    ) -> Result<ChangeChoice, Fault> {
        let columns = EntityColumns::new(entity, columns.iter().copied());
        let setting = ChangeSetting { mode: mode.parse().unwrap(), column: column.map(str::to_owned) };
        choose_change_field(&columns, &setting)
    }

    #[test]
    fn auto_takes_the_best_the_entity_has_and_says_why() {
        let all = [
            (UPDATED_ON, MOMENT),
            (REVISION_COLUMN, "Edm.Int64"),
            (CHANGE_DATE, MOMENT),
            (CHANGE_TIME_COLUMN, "Edm.Int32"),
        ];
        let expected = [
            (ChangeMode::Timestamp, UPDATED_ON),
            (ChangeMode::Revision, REVISION_COLUMN),
            (ChangeMode::DatePlusSeconds, CHANGE_DATE),
        ];
        for (first, (mode, column)) in expected.into_iter().enumerate() {
            let chosen = choose(Entity::Customers, &all[first..], "auto", None).unwrap();
            assert_eq!((chosen.field.mode, chosen.field.column.as_str()), (mode, column));
            assert!(!chosen.why.is_empty());
        }
        let dated = choose(Entity::Customers, &all[2..3], "auto", None).unwrap();
        assert_eq!(dated.field.mode, ChangeMode::Date);
        let bare = choose(Entity::Customers, &all[3..], "auto", None).unwrap();
        assert_eq!((bare.field.mode, bare.field.column.as_str()), (ChangeMode::FullScan, ""));
        let stock = choose(Entity::Vendors, &all[1..2], "auto", None).unwrap();
        assert!(stock.why.contains("no UpdatedOn") && stock.why.contains("SysRevID"), "{}", stock.why);
    }

    #[test]
    fn a_configured_column_that_does_not_exist_names_the_alternatives() {
        let columns =
            [(REVISION_COLUMN, "Edm.Int64"), (CHANGE_DATE, MOMENT), ("UpdatedOn_c", MOMENT), ("EstDate", MOMENT)];
        for (mode, column) in [("timestamp", None), ("auto", Some(UPDATED_ON)), ("timestamp", Some(UPDATED_ON))] {
            let fault = choose(Entity::Customers, &columns, mode, column).unwrap_err();
            assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Rejected, Some(UPDATED_ON)));
            assert!(
                fault.message.ends_with(
                    "What it has instead: ChangeDate (date), SysRevID (revision), UpdatedOn_c (timestamp), full_scan."
                ),
                "{}",
                fault.message
            );
        }
    }

    #[test]
    fn a_wrong_spelling_is_named_as_such() {
        let fault =
            choose(Entity::Vendors, &[(REVISION_COLUMN, "Edm.Int64")], "revision", Some("SysRevId")).unwrap_err();
        assert!(fault.message.contains("Epicor spells it SysRevID"), "{}", fault.message);
    }

    #[test]
    fn a_column_of_the_wrong_type_is_refused() {
        let columns = [(REVISION_COLUMN, "Edm.Int64"), ("Name", "Edm.String"), (CHANGE_DATE, MOMENT)];
        assert!(choose(Entity::Customers, &columns, "timestamp", Some("Name")).is_err());
        assert!(choose(Entity::Customers, &columns, "revision", Some(CHANGE_DATE)).is_err());
        assert!(choose(Entity::Customers, &columns, "auto", Some("Name")).is_err());
        assert!(choose(Entity::Customers, &columns, "date_plus_seconds", None).is_err(), "there is no ChangeTime");
    }

    #[test]
    fn a_named_column_gets_the_mode_its_type_suggests() {
        let columns = [(REVISION_COLUMN, "Edm.Int64"), (CHANGE_DATE, MOMENT), ("UpdatedOn_c", MOMENT)];
        let mode = |column| choose(Entity::Customers, &columns, "auto", Some(column)).unwrap().field.mode;
        assert_eq!(mode("UpdatedOn_c"), ChangeMode::Timestamp);
        assert_eq!(mode(REVISION_COLUMN), ChangeMode::Revision);
        assert_eq!(mode(CHANGE_DATE), ChangeMode::Date);
    }

    #[test]
    fn a_full_scan_needs_no_column() {
        let chosen = choose(Entity::Vendors, &[], "full_scan", None).unwrap();
        assert_eq!(chosen.field.to_string(), "full_scan");
    }
}
