//! What must hold for the sections that only flows of one kind have.

use mlc_model::FlowId;
use rust_decimal::Decimal;

use super::{
    AccountRule, ApInvoiceOptions, FLOW_KINDS, FlowSettings, GlOptions, InvoiceEntryOptions, PurchaseOrderOptions,
    RequisitionOptions, VendorOptions,
    bounds::{COLUMN_FIX, DAY, NO_COLUMN, SECOND, check_text, is_attribute, is_column, range, span},
    nearest::nearest,
    reading::Reading,
};

/// Section and the only kind of flow that reads it.
const SECTIONS: [(&str, &str); 6] = [
    ("vendors", "epicor_to_adobe::vendors"),
    ("purchase_orders", "epicor_to_adobe::purchase_orders"),
    ("ap_invoices", "epicor_to_adobe::ap_invoices"),
    ("companies", "adobe_to_epicor::companies"),
    ("requisitions", "adobe_to_epicor::requisitions"),
    ("invoices", "adobe_to_epicor::invoices"),
];
/// States of orders that are still alive. Source: Adobe Commerce, `Magento\Sales\Model\Order`.
const STATES: [&str; 6] = ["new", "pending_payment", "processing", "complete", "holded", "payment_review"];
/// Epicor has this many segments in an account.
const MOST_SEGMENTS: usize = 20;
/// Ids of the shop, numbers of Epicor.
const MOST_ID: i64 = i32::MAX as i64;

/// Where the checks of one section are.
struct Place<'p, 'r> {
    flow: &'p str,
    section: &'p str,
    reading: &'p mut Reading<'r>,
}

pub(super) fn check_options(id: &FlowId, flow: &FlowSettings, reading: &mut Reading<'_>) {
    let kind = flow.kind(id).as_str();
    for (section, owner) in SECTIONS {
        let at = ["flows", id.as_str(), section];
        if owner != kind {
            // A kind that does not exist has its own error.
            if FLOW_KINDS.contains(&kind) && reading.is_set(&at) {
                let problem = format!("belongs to flows of kind `{owner}`, this one is `{kind}`");
                reading.wrong(&at, problem, "move the section to such a flow, or remove it");
            }
            continue;
        }
        let mut place = Place { flow: id.as_str(), section, reading: &mut *reading };
        match section {
            "vendors" => place.vendors(&flow.vendors),
            "purchase_orders" => place.purchase_orders(&flow.purchase_orders),
            "ap_invoices" => place.ap_invoices(&flow.ap_invoices),
            "requisitions" => place.requisitions(&flow.requisitions),
            "invoices" => place.invoices(&flow.invoices),
            // Nothing but names of fields, which are right when they can be read.
            _ => {}
        }
    }
}

impl<'p> Place<'p, '_> {
    fn at(&self, key: &'p str) -> [&'p str; 4] {
        ["flows", self.flow, self.section, key]
    }

    fn wrong(&mut self, key: &'p str, problem: &str, fix: &str) {
        let at = self.at(key);
        self.reading.wrong(&at, problem, fix);
    }

    fn text(&mut self, key: &'p str, text: &str, most: usize) {
        let at = self.at(key);
        check_text(self.reading, &at, text, most);
    }

    fn attribute(&mut self, key: &'p str, name: &str) {
        if !is_attribute(name) {
            let fix = "use 1 to 60 lower-case letters, digits and `_`, a letter first";
            self.wrong(key, "is not a name of an attribute of Adobe Commerce", fix);
        }
    }

    fn not_negative(&mut self, key: &'p str, amount: Decimal) {
        if amount.is_sign_negative() && !amount.is_zero() {
            self.wrong(key, &format!("{amount} is out of range"), "use 0 or more");
        }
    }

    fn email(&mut self, key: &'p str, address: &str) {
        let good =
            |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
        if !address.split_once('@').is_some_and(|(name, host)| good(name) && good(host)) || address.len() > 254 {
            self.wrong(key, "is not an e-mail address", "use an address such as \"purchasing@example.com\"");
        }
    }

    fn vendors(&mut self, options: &VendorOptions) {
        if !options.companies && !options.sources {
            self.wrong("companies", "and `sources` are both false: nothing would be written", "set one of them");
        }
        let ids = [
            ("customer_group_id", options.customer_group_id),
            ("sales_representative_id", options.sales_representative_id),
        ];
        for (key, id) in ids {
            let at = self.at(key);
            range(self.reading, &at, id, 1, MOST_ID);
        }
        if let Some(address) = &options.default_email {
            self.email("default_email", address);
            if !address.contains("{number}") {
                let problem = "gives every vendor the same address, and the shop wants one of its own for each";
                self.wrong("default_email", problem, "put {number} into it, such as \"vendor-{number}@example.com\"");
            }
        }
        self.text("default_phone", &options.default_phone, 50);
        self.text("default_postal_code", &options.default_postal_code, 50);
        self.attribute("gl_dimension_attribute", &options.gl_dimension_attribute);
        match &options.gl_dimension_column {
            Some(column) if !is_column(column) => self.wrong("gl_dimension_column", NO_COLUMN, COLUMN_FIX),
            None if options.gl_dimension_attribute != VendorOptions::default().gl_dimension_attribute => {
                let fix = "name Epicor's column in `gl_dimension_column`, or remove the line";
                self.wrong("gl_dimension_attribute", "has nothing to hold", fix);
            }
            _ => {}
        }
    }

    fn purchase_orders(&mut self, options: &PurchaseOrderOptions) {
        self.gl(&options.gl);
        let code = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if options.payment_method.is_empty()
            || options.payment_method.len() > 128
            || !options.payment_method.chars().all(code)
        {
            self.wrong("payment_method", "is not a code of a payment method", "use 1 to 128 letters, digits and `_`");
        }
        if let Some(address) = &options.default_email {
            self.email("default_email", address);
        }
        if options
            .base_currency
            .as_ref()
            .is_some_and(|code| code.len() != 3 || !code.chars().all(|c| c.is_ascii_uppercase()))
        {
            self.wrong("base_currency", "is not a code of a currency", "use three capital letters, such as \"USD\"");
        }
    }

    fn ap_invoices(&mut self, options: &ApInvoiceOptions) {
        let at = self.at("order_wait");
        span(self.reading, &at, options.order_wait, SECOND, 30 * DAY);
        self.not_negative("tolerance", options.tolerance);
        if let Some(amount) = options.review_amount {
            self.not_negative("review_amount", amount);
        }
        let at = self.at("review_percent");
        range(self.reading, &at, options.review_percent, Decimal::ZERO, Decimal::ONE_THOUSAND);
        self.gl(&options.gl);
    }

    fn gl(&mut self, gl: &GlOptions) {
        let section = self.section;
        let at = |key| ["flows", self.flow, section, "gl", key];
        for (place, segment) in gl.segments.iter().enumerate() {
            if !(1..=MOST_SEGMENTS).contains(&usize::from(*segment)) {
                self.reading.wrong(&at("segments"), format!("{segment} is out of range"), "use 1 to 20");
            } else if gl.segments[..place].contains(segment) {
                self.reading.wrong(&at("segments"), format!("names segment {segment} twice"), "name each once");
            }
        }
        if gl.separator.chars().count() > 3 || gl.separator.chars().any(char::is_control) {
            self.reading.wrong(&at("separator"), "is too long or holds control characters", "use up to 3 characters");
        }
        if !is_attribute(&gl.attribute) {
            let fix = "use 1 to 60 lower-case letters, digits and `_`, a letter first";
            self.reading.wrong(&at("attribute"), "is not a name of an attribute of Adobe Commerce", fix);
        }
    }

    fn requisitions(&mut self, options: &RequisitionOptions) {
        self.text("requestor", &options.requestor, 75);
        let at = self.at("order_wait");
        span(self.reading, &at, options.order_wait, SECOND, 7 * DAY);
        if options.order_states.is_empty() {
            self.wrong("order_states", "is empty: no order would become a requisition", "use \"new\" and others");
        }
        for state in options.order_states.iter().filter(|state| !STATES.contains(&state.as_str())) {
            let shown: String = state.chars().take(30).collect();
            let fix = match nearest(state, STATES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("use {}", STATES.join(", ")),
            };
            let problem = if ["canceled", "closed"].contains(&state.as_str()) {
                format!("`{shown}` orders never become requisitions")
            } else {
                format!("`{shown}` is not a state of an order; what the shop shows to people is the status")
            };
            self.wrong("order_states", &problem, &fix);
        }
        if let Some(number) = options.vendor_number {
            let at = self.at("vendor_number");
            range(self.reading, &at, number, 1, MOST_ID);
        }
        if let Some(days) = options.due_in_days {
            let at = self.at("due_in_days");
            range(self.reading, &at, days, 0, 3650);
        }
    }

    fn invoices(&mut self, options: &InvoiceEntryOptions) {
        self.text("group", &options.group, 9);
        if options.number_prefix.chars().count() > 20 || options.number_prefix.chars().any(char::is_control) {
            self.wrong("number_prefix", "is too long or holds control characters", "use up to 20 characters");
        }
        let at = self.at("invoice_wait");
        span(self.reading, &at, options.invoice_wait, SECOND, 7 * DAY);
        self.segments(&["default_account"], &options.default_account);
        for (place, rule) in options.accounts.iter().enumerate() {
            let number = (place + 1).to_string();
            self.rule(&number, rule, &options.accounts[..place]);
        }
    }

    fn rule(&mut self, number: &str, rule: &AccountRule, earlier: &[AccountRule]) {
        let at = ["flows", self.flow, self.section, "accounts", number, "sku"];
        check_text(self.reading, &at, &rule.sku, 64);
        let beginning = rule.sku.strip_suffix('*').unwrap_or(&rule.sku);
        if beginning.contains('*') {
            self.reading.wrong(&at, "has a `*` that is not its end", "use a product number, or its beginning and `*`");
        }
        let hides = |other: &&AccountRule| match other.sku.strip_suffix('*') {
            Some(start) => beginning.starts_with(start),
            None => other.sku == rule.sku,
        };
        if let Some(other) = earlier.iter().find(hides) {
            let problem = format!("never counts, since the rule for `{}` before it fits first", other.sku);
            self.reading.wrong(&at, problem, "put the narrower rule first, or remove it");
        }
        if rule.segments.is_empty() {
            let at = ["flows", self.flow, self.section, "accounts", number, "segments"];
            self.reading.wrong(&at, "is empty", "name the segments of the account in their order");
        }
        self.segments(&["accounts", number, "segments"], &rule.segments);
    }

    fn segments(&mut self, keys: &[&str], segments: &[String]) {
        let mut at = vec!["flows", self.flow, self.section];
        at.extend(keys);
        if segments.len() > MOST_SEGMENTS {
            let problem = format!("has {} segments", segments.len());
            self.reading.wrong(&at, problem, "an account of Epicor has at most 20");
        }
        // An empty segment in the middle is one that the chart of accounts leaves out.
        let good = |text: &String| text.chars().count() <= 50 && !text.chars().any(char::is_control);
        if !segments.iter().all(good) || segments.first().is_some_and(String::is_empty) {
            let fix = "write each segment as Epicor shows it, such as [\"5100\", \"00\"]";
            self.reading.wrong(&at, "holds something that is no segment of an account", fix);
        }
    }
}
