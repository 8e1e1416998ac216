//! People in the shop edit companies: what the shop owns goes to Epicor and on to HubSpot, what Epicor owns is put back.

use serde_json::{Value, json};

use crate::{
    contents::Contents,
    control::{Server, number, text},
    settings::{COMPANY, KEY_PROPERTY},
    shop::Shop,
    truth::rows,
    verify::{Mistakes, Portal},
};

/// Companies whose telephone changes: the shop owns it.
pub(crate) const PHONES: usize = 3;
const NEW_NAME: &str = "A name that only Epicor may give";

/// What was edited.
pub(crate) struct Edits {
    /// Number of the vendor and its new telephone.
    phones: Vec<(u64, String)>,
    /// Number of the vendor whose name was changed in the shop, and the name it has in Epicor.
    renamed: (u64, String),
    /// Vendors that Epicor had saved before, and companies that the shop had.
    saved_before: [u64; 2],
}

impl Edits {
    /// Key of the renamed vendor.
    pub(crate) fn renamed(&self) -> String {
        format!("{COMPANY}:VEND:{}", self.renamed.0)
    }
}

/// Changes the telephone of a few companies and the name of another.
pub(crate) async fn edit(shop: &Shop, contents: &Contents, epicor: &Server) -> anyhow::Result<Edits> {
    let vendor_of = |company: &Value| {
        let key = text(company, "reseller_id").to_uppercase();
        key.strip_prefix(&format!("{COMPANY}-V-")).and_then(|number| number.parse::<u64>().ok())
    };
    let active = contents.companies.iter().filter(|company| number(company, "/status") == 1);
    let mut active = active.filter_map(|company| Some((vendor_of(company)?, company)));
    let mut edits = Edits { phones: Vec::new(), renamed: (0, String::new()), saved_before: saved(epicor, shop).await? };
    for place in 0..PHONES {
        let Some((vendor, company)) = active.next() else { anyhow::bail!("too few companies in the shop") };
        let phone = format!("+1 555 010 77{place:02}");
        let change = json!({ "id": number(company, "/id"), "changes": { "telephone": phone } });
        shop.server.post("/__control/companies", &change).await?;
        edits.phones.push((vendor, phone));
    }
    let Some((vendor, company)) = active.next() else { anyhow::bail!("too few companies in the shop") };
    let change = json!({ "id": number(company, "/id"), "changes": { "company_name": NEW_NAME } });
    shop.server.post("/__control/companies", &change).await?;
    edits.renamed = (vendor, text(company, "company_name").to_owned());
    Ok(edits)
}

/// Vendors saved by way of Epicor's services, and companies saved in the shop.
async fn saved(epicor: &Server, shop: &Shop) -> anyhow::Result<[u64; 2]> {
    let vendors = number(&epicor.get("/__control/stats").await?, "/saved/Vendor U");
    let stats = shop.server.get("/__control/stats").await?;
    let routes = stats.get("by_route").and_then(Value::as_object).into_iter().flatten();
    let companies = routes.filter(|(route, _)| route.starts_with("PUT ") && route.contains("/company/"));
    Ok([vendors, companies.filter_map(|(_, count)| count.as_u64()).sum()])
}

/// What is not where it should be.
pub(crate) async fn compare(
    edits: &Edits,
    epicor: &Server,
    shop: &Shop,
    portal: &Portal,
) -> anyhow::Result<Vec<String>> {
    let mut mistakes = Mistakes::default();
    let vendors = rows(epicor, "Vendor").await?;
    for (vendor, phone) in &edits.phones {
        let row = vendors.iter().find(|row| number(row, "/VendorNum") == *vendor);
        if row.map(|row| text(row, "PhoneNum")) != Some(phone) {
            mistakes.add("telephones of the shop did not reach Epicor", &vendor.to_string());
        }
        let key = format!("{COMPANY}:VEND:{vendor}");
        let company = portal.companies.iter().find(|(_, properties)| properties.get(KEY_PROPERTY) == Some(&key));
        if company.and_then(|(_, properties)| properties.get("phone")) != Some(phone) {
            mistakes.add("telephones of the shop did not reach HubSpot", &key);
        }
    }
    let key = format!("{COMPANY}-V-{}", edits.renamed.0);
    let contents = Contents::read(&shop.server).await?;
    let company = contents.companies.iter().find(|company| text(company, "reseller_id").eq_ignore_ascii_case(&key));
    if company.map(|company| text(company, "company_name")) != Some(&edits.renamed.1) {
        mistakes.add("names that Epicor owns were not put back in the shop", &key);
    }
    let [vendors, companies] = saved(epicor, shop).await?;
    let writes = (vendors - edits.saved_before[0], companies - edits.saved_before[1]);
    // Each telephone once in Epicor, the name once in the shop, and no echo of either.
    if writes != (edits.phones.len() as u64, 1) {
        mistakes.add("vendors and companies saved are more or fewer than were edited", &format!("{writes:?}"));
    }
    Ok(mistakes.into_lines())
}
