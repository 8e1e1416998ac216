//! Changes rows around page reads, so that a reader who trusts pages to stand still is caught.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    keys::key_json,
    schema,
    sim::{PageRequest, Phase},
    store::{Store, Visibility},
};

/// What happens to the table being read around each page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mutator {
    /// Rows changed before each page.
    pub rows: usize,
    /// Rows added before each page.
    pub inserts: usize,
    /// Rows removed before each page.
    pub deletes: usize,
    /// Of the changed rows, how many become visible only one to three pages later.
    pub held: usize,
    /// Seed of the choice.
    pub seed: u64,
    /// Pages after which it stops; 0 is never.
    pub limit: u64,
    /// Only this entity set; all of them when absent.
    pub set: Option<String>,
}

impl Mutator {
    pub(crate) fn run(&self, store: &mut Store, request: &PageRequest) {
        let over = self.limit > 0 && request.number >= self.limit;
        let other_set = self.set.as_ref().is_some_and(|set| *set != request.set);
        if request.phase == Phase::After || over || other_set {
            return;
        }
        let Some(table) = schema::find(&request.set).map(|at| &schema::tables()[at]) else {
            return;
        };
        let mut rng = StdRng::seed_from_u64(self.seed ^ request.number.wrapping_mul(0x9E37_79B9));
        for change in 0..self.rows {
            let Some(key) = store.random_key(&request.company, table.set, &mut rng) else {
                return;
            };
            let fields = json!({ "Name": format!("Renamed {} {}", request.number, rng.random::<u32>()) });
            let visibility =
                if change < self.held { Visibility::AfterPages(rng.random_range(1..=3)) } else { Visibility::Now };
            // The row may have been removed meanwhile; then there is nothing to change.
            let _ = store.update_later(&request.company, table.set, &key, &fields, visibility);
        }
        for _ in 0..self.inserts {
            let fields = json!({ "Name": format!("Added {} {}", request.number, rng.random::<u32>()) });
            let _ = store.insert(&request.company, table.set, &fields);
        }
        for _ in 0..self.deletes {
            if let Some(key) = store.random_key(&request.company, table.set, &mut rng) {
                let _ = store.delete(&request.company, table.set, &key);
            }
        }
    }
}

impl Store {
    /// The key of a row picked by `rng`; `None` when the table is empty.
    pub(crate) fn random_key(&self, company: &str, table: &str, rng: &mut StdRng) -> Option<Value> {
        let data = &self.companies[self.company_index(company)?].tables[schema::find(table)?];
        if data.by_key.is_empty() {
            return None;
        }
        // Removed rows leave holes; the next row that is there is taken.
        let start = rng.random_range(0..data.rows.len());
        data.rows[start..].iter().chain(&data.rows[..start]).flatten().next().map(|row| match key_json(&row.key) {
            Value::Array(parts) => Value::Array(parts),
            single => Value::Array(vec![single]),
        })
    }
}
