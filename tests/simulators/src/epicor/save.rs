//! `Update` and its relatives: rows marked `A`, `U` or `D` are checked together, then written together.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    errors::Refusal,
    keys::{key_json, key_of},
    rules,
    schema::{self, Stamps, tables},
    store::Store,
    tableset::{Ds, Fields, Service, complete, parent_of, push, text},
    value::{Key, KeyPart},
};

/// What a save needs to know besides the rows.
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) company: usize,
    pub(crate) code: String,
    /// The login the save is stamped with.
    pub(crate) user: String,
    /// Rows written, by table and mark.
    pub(crate) saved: BTreeMap<String, u64>,
    /// GL rows of invoices written because the caller sent them.
    pub(crate) gl_rows: u64,
}

/// How far a save goes on when a row is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// One refusal stops everything.
    Whole,
    /// Good rows are saved; with the flag, a parent falls with its child.
    RowByRow { parent_falls_with_child: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Add,
    Change,
    Delete,
}

pub(crate) struct Edit {
    pub(crate) at: usize,
    pub(crate) mark: Mark,
    pub(crate) row: Fields,
    pub(crate) key: Key,
}

/// A save that went through, in whole or in part.
pub(crate) struct Saved {
    pub(crate) ds: Ds,
    /// `BOUpdError` rows; empty means everything was saved.
    pub(crate) errors: Vec<Value>,
}

impl Desk<'_> {
    pub(crate) fn row(&self, table: &str, key: &[KeyPart]) -> Option<Fields> {
        self.store.find_row(self.company, table, key)
    }

    /// Writes fields over a row as the server itself; a row that went meanwhile is none to write.
    pub(crate) fn patch(&mut self, table: &str, key: &[KeyPart], fields: &Value) {
        let key = key_array(key);
        let _ = self.store.update(&self.code, table, &key, fields);
    }

    /// Saves the marked rows of `ds`. The answer holds them as stored, and what the server made or
    /// changed besides.
    pub(crate) fn save(&mut self, service: &Service, ds: &Ds, strictness: Strictness) -> Result<Saved, Refusal> {
        let mut edits = edits(service, ds)?;
        let news: HashSet<(usize, Key)> =
            edits.iter().filter(|edit| edit.mark == Mark::Add).map(|edit| (edit.at, edit.key.clone())).collect();
        let mut errors = Vec::new();
        let mut fallen: HashSet<(usize, Key)> = HashSet::new();
        for edit in edits.iter().rev() {
            let Err(refusal) = self.check(edit, &news) else {
                continue;
            };
            let Strictness::RowByRow { parent_falls_with_child } = strictness else {
                return Err(refusal);
            };
            errors.push(update_error(edit, &refusal));
            fallen.insert((edit.at, edit.key.clone()));
            if let (true, Some(parent)) = (parent_falls_with_child, parent_of(&tables()[edit.at])) {
                let shared = tables()[parent].keys.len();
                fallen.insert((parent, edit.key[..shared].into()));
            }
        }
        edits.retain(|edit| {
            let orphan = parent_of(&tables()[edit.at]).is_some_and(|parent| {
                let above = (parent, Key::from(&edit.key[..tables()[parent].keys.len()]));
                news.contains(&above) && fallen.contains(&above)
            });
            !orphan && !fallen.contains(&(edit.at, edit.key.clone()))
        });
        let mut touched = Vec::new();
        let mut assigned: HashMap<(usize, Key), Key> = HashMap::new();
        for edit in edits {
            self.write(edit, &mut assigned, &mut touched)?;
        }
        Ok(Saved { ds: self.answer(service, ds, &touched), errors })
    }

    fn answer(&self, service: &Service, sent: &Ds, touched: &[(usize, Key)]) -> Ds {
        let mut ds = Ds::new();
        for (name, rows) in sent {
            // Rows of tables the simulator does not keep come back as they went in.
            if schema::find(name).is_none() {
                ds.insert(name.clone(), rows.clone());
            }
        }
        complete(service, &mut ds);
        let mut seen = HashSet::new();
        let unchanged = sent.iter().filter_map(|(name, rows)| {
            let at = schema::find(name)?;
            let keys = rows.as_array()?.iter().filter(|row| row.get("RowMod").is_none_or(|mark| mark == ""));
            Some(keys.filter_map(|row| key_of(&tables()[at], row).ok()).map(|key| (at, key)).collect::<Vec<_>>())
        });
        for (at, key) in touched.iter().cloned().chain(unchanged.flatten()) {
            if seen.insert((at, key.clone()))
                && let Some(row) = self.store.full_row(self.company, at, &key)
            {
                push(&mut ds, tables()[at].name, row);
            }
        }
        ds
    }

    fn check(&self, edit: &Edit, news: &HashSet<(usize, Key)>) -> Result<(), Refusal> {
        let table = &tables()[edit.at];
        let stored = self.store.full_row(self.company, edit.at, &edit.key);
        match (edit.mark, &stored) {
            (Mark::Add, Some(_)) => return Err(Refusal::duplicate(409)),
            (Mark::Change | Mark::Delete, None) => return Err(Refusal::no_record()),
            (Mark::Change | Mark::Delete, Some(stored)) => {
                let sent = edit.row.get("SysRevID").and_then(Value::as_i64);
                if sent.is_none() && edit.mark == Mark::Change {
                    return Err(Refusal::column(table.name, "SysRevID", "SysRevID is required."));
                }
                if sent.is_some_and(|sent| Some(sent) != stored["SysRevID"].as_i64()) {
                    return Err(Refusal::stale(self.store.switches.stale_status));
                }
            }
            (Mark::Add, None) => {}
        }
        if let (true, Some(parent)) = (edit.mark != Mark::Delete, parent_of(table)) {
            let above = Key::from(&edit.key[..tables()[parent].keys.len()]);
            let known = self.store.full_row(self.company, parent, &above).is_some();
            if !known && !news.contains(&(parent, above)) {
                let message = format!("A valid {} is required.", tables()[parent].name);
                return Err(Refusal::column(table.name, table.keys[0], message));
            }
        }
        rules::check(self, edit, stored.as_ref())
    }

    fn write(
        &mut self,
        edit: Edit,
        assigned: &mut HashMap<(usize, Key), Key>,
        touched: &mut Vec<(usize, Key)>,
    ) -> Result<(), Refusal> {
        let Edit { at, mark, row, mut key } = edit;
        let table = &tables()[at];
        let name = match mark {
            Mark::Add => "A",
            Mark::Change => "U",
            Mark::Delete => "D",
        };
        *self.saved.entry(format!("{} {name}", table.name)).or_default() += 1;
        self.gl_rows += u64::from(table.name == "APInvExpTGLC");
        if mark == Mark::Delete {
            self.remove_tree(at, &key);
            touched.extend(rules::after(self, at, &key, mark));
            return Ok(());
        }
        let mut fields = cleaned(row);
        if table.stamps != Stamps::None && table.column("ChangedBy").is_some() {
            fields.insert("ChangedBy".into(), self.user.clone().into());
        }
        if mark == Mark::Change {
            if !table.keys.contains(&"SysRowID") {
                fields.remove("SysRowID");
            }
            self.store
                .update(&self.code, table.name, &key_array(&key), &Value::Object(fields))
                .map_err(Refusal::business)?;
        } else {
            let raw = key.clone();
            if let Some(parent) = parent_of(table) {
                let shared = tables()[parent].keys.len();
                if let Some(above) = assigned.get(&(parent, key[..shared].into())) {
                    for (name, part) in table.keys.iter().zip(above.iter()) {
                        fields.insert((*name).into(), key_json(std::slice::from_ref(part)));
                    }
                }
            }
            if let (Some(last), Some(KeyPart::Int(0))) = (table.keys.last(), key.last()) {
                fields.remove(*last);
            }
            rules::complete(self, table, &mut fields);
            let stored =
                self.store.insert(&self.code, table.name, &Value::Object(fields)).map_err(Refusal::business)?;
            key = key_of(table, &stored).map_err(Refusal::business)?;
            assigned.insert((at, raw), key.clone());
        }
        touched.push((at, key.clone()));
        touched.extend(rules::after(self, at, &key, mark));
        Ok(())
    }

    /// Removes a row and everything below it.
    pub(crate) fn remove_tree(&mut self, at: usize, key: &[KeyPart]) {
        for child in tables()[at].children.iter().filter_map(|set| schema::find(set)) {
            for below in self.store.keys_below(self.company, tables()[child].name, key) {
                self.remove_tree(child, &below);
            }
        }
        let _ = self.store.delete(&self.code, tables()[at].name, &key_array(key));
    }
}

/// A key as an array, which every table accepts.
pub(crate) fn key_array(key: &[KeyPart]) -> Value {
    match key_json(key) {
        Value::Array(parts) => Value::Array(parts),
        single => json!([single]),
    }
}

/// The marked rows, parents before children, deletions last and from the bottom up.
fn edits(service: &Service, ds: &Ds) -> Result<Vec<Edit>, Refusal> {
    let (mut written, mut deleted) = (Vec::new(), Vec::new());
    for name in service.tables {
        let Some(rows) = ds.get(*name).filter(|rows| !rows.is_null()) else {
            continue;
        };
        let wrong = || Refusal::business(format!("{name} is not an array of rows."));
        for row in rows.as_array().ok_or_else(wrong)? {
            let row = row.as_object().ok_or_else(wrong)?;
            let mark = match text(row, "RowMod") {
                "" => continue,
                "A" => Mark::Add,
                "U" => Mark::Change,
                "D" => Mark::Delete,
                other => return Err(Refusal::business(format!("RowMod {other:?} is not valid."))),
            };
            let at = schema::find(name)
                .ok_or_else(|| Refusal::business(format!("{name} cannot be written by this simulator.")))?;
            let table = &tables()[at];
            let key = key_of(table, &Value::Object(row.clone())).map_err(|_| {
                let missing = table.keys.iter().find(|key| row.get(**key).is_none_or(Value::is_null));
                let column = missing.unwrap_or(&table.keys[0]);
                Refusal::column(table.name, column, format!("{column} is required."))
            })?;
            let edit = Edit { at, mark, row: row.clone(), key };
            if mark == Mark::Delete { deleted.push(edit) } else { written.push(edit) }
        }
    }
    deleted.reverse();
    written.extend(deleted);
    Ok(written)
}

/// What a client sends and the database never takes from it.
fn cleaned(mut row: Fields) -> Fields {
    row.retain(|name, value| {
        let is_ours = matches!(
            name.as_str(),
            "RowMod" | "SysRevID" | "UD_SysRevID" | "UpdatedOn" | "ChangeDate" | "ChangeTime" | "CreateDate"
        );
        let is_child = value.is_array() && tables().iter().any(|table| table.set == name);
        !is_ours && !is_child && !name.starts_with("Sim") && !name.starts_with('@')
    });
    row
}

fn update_error(edit: &Edit, refusal: &Refusal) -> Value {
    let row_id = text(&edit.row, "SysRowID");
    json!({
        "TableName": tables()[edit.at].name, "ErrorLevel": "Error", "ErrorType": refusal.kind,
        "ErrorText": refusal.message, "ErrorSysRowID": row_id, "SysRowID": row_id,
        "RowMod": text(&edit.row, "RowMod"),
    })
}
