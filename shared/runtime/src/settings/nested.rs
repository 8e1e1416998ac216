//! Tables inside a section: each is read key by key, as the section itself, so that a slip is told with its full name.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    AccountRule, AdobeIms, ApInvoiceOptions, CompanyOptions, GlOptions, InvoiceEntryOptions, PurchaseOrderOptions,
    RequisitionOptions, VendorOptions, WebhookEndpoint,
    needed::{account_rule_example, webhook_example},
    reading::Reading,
};

impl Reading<'_> {
    /// Leaves of the tables inside a connection to Adobe Commerce what is right, and notes the rest.
    pub(super) fn adobe_sections(&mut self, path: &[String], connection: &mut Table) {
        self.table::<AdobeIms>(path, connection, "ims", &Table::new());
        self.table::<WebhookEndpoint>(path, connection, "webhook", &webhook_example());
    }

    /// Leaves of the tables inside a flow what is right, and notes the rest.
    pub(super) fn flow_options(&mut self, path: &[String], flow: &mut Table) {
        let none = Table::new();
        for section in ["purchase_orders", "ap_invoices"] {
            if let Some(Value::Table(options)) = flow.get_mut(section) {
                self.table::<GlOptions>(&below(path, section), options, "gl", &none);
            }
        }
        if let Some(Value::Table(options)) = flow.get_mut("invoices") {
            self.tables::<AccountRule>(&below(path, "invoices"), options, "accounts", &account_rule_example());
        }
        self.table::<VendorOptions>(path, flow, "vendors", &none);
        self.table::<PurchaseOrderOptions>(path, flow, "purchase_orders", &none);
        self.table::<ApInvoiceOptions>(path, flow, "ap_invoices", &none);
        self.table::<CompanyOptions>(path, flow, "companies", &none);
        self.table::<RequisitionOptions>(path, flow, "requisitions", &none);
        self.table::<InvoiceEntryOptions>(path, flow, "invoices", &none);
    }

    fn table<T: DeserializeOwned>(&mut self, path: &[String], section: &mut Table, key: &str, example: &Table) {
        let path = below(path, key);
        match section.remove(key) {
            Some(Value::Table(table)) => {
                let before = self.noted();
                let good = self.good_keys::<T>(&path, &table, example);
                // Where a needed key is wrong, nobody can tell what the others were meant for.
                if example.is_empty() || self.noted() == before {
                    section.insert(key.to_owned(), Value::Table(good));
                }
            }
            Some(other) => self.not_a_table(&path, &other),
            None => {}
        }
    }

    /// As [`Reading::table`] for a list of tables, which are told apart by number, from 1.
    pub(super) fn tables<T: DeserializeOwned>(
        &mut self,
        path: &[String],
        section: &mut Table,
        key: &str,
        example: &Table,
    ) {
        let Some(Value::Array(list)) = section.get_mut(key) else { return };
        let path = below(path, key);
        let mut good = Vec::new();
        for (place, value) in std::mem::take(list).into_iter().enumerate() {
            let mut alone = Table::new();
            let number = (place + 1).to_string();
            alone.insert(number.clone(), value);
            self.table::<T>(&path, &mut alone, &number, example);
            good.extend(alone.remove(&number));
        }
        *list = good;
    }
}

fn below(path: &[String], key: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(key.to_owned());
    path
}
