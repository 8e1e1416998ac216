//! Holds HubSpot against Epicor, record by record, by what the simulators hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    control::{Server, text},
    settings::KEY_PROPERTY,
    shelf::Letter,
    truth::Truth,
};

/// Examples given of one kind of mistake.
const EXAMPLES: usize = 3;

/// What HubSpot holds.
#[derive(Debug, Default)]
pub(crate) struct Portal {
    /// HubSpot's id and the properties of each company.
    pub(crate) companies: Vec<(String, BTreeMap<String, String>)>,
    /// E-mail addresses.
    pub(crate) contacts: BTreeSet<String>,
    /// Key of the company and e-mail address of the contact.
    pub(crate) links: BTreeSet<(String, String)>,
}

impl Portal {
    pub(crate) async fn read(hubspot: &Server) -> anyhow::Result<Self> {
        let companies = records(&hubspot.get("/__control/companies").await?);
        let contacts = records(&hubspot.get("/__control/contacts").await?);
        let property = |records: &[(String, BTreeMap<String, String>)], name: &str| -> BTreeMap<String, String> {
            let value = |properties: &BTreeMap<String, String>| properties.get(name).cloned().unwrap_or_default();
            records.iter().map(|(id, properties)| (id.clone(), value(properties))).collect()
        };
        let keys = property(&companies, KEY_PROPERTY);
        let emails = property(&contacts, "email");
        let links = list(&hubspot.get("/__control/associations").await?)
            .iter()
            .map(|link| {
                let end =
                    |known: &BTreeMap<String, String>, name| known.get(text(link, name)).cloned().unwrap_or_default();
                (end(&keys, "company"), end(&emails, "contact"))
            })
            .collect();
        Ok(Self { companies, contacts: emails.into_values().collect(), links })
    }
}

fn list(answer: &Value) -> &[Value] {
    answer.get("results").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn records(answer: &Value) -> Vec<(String, BTreeMap<String, String>)> {
    let properties = |record: &Value| {
        let members = record.get("properties").and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    list(answer).iter().map(|record| (text(record, "id").to_owned(), properties(record))).collect()
}

/// Mistakes found. Empty when everything adds up.
///
/// `before` is what HubSpot held at an earlier check: the product never deletes there, so that contacts and links whose
/// address was put right in Epicor since then may still stand.
pub(crate) fn compare(truth: &Truth, portal: &Portal, before: Option<&Portal>) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (id, properties) in &portal.companies {
        let value = |name: &str| properties.get(name).map_or("", String::as_str);
        let key = value(KEY_PROPERTY);
        *found.entry(key.to_uppercase()).or_default() += 1;
        if truth.others.contains(key) {
            mistakes.add("customers that are no customers yet (prospects) stand in HubSpot", key);
            continue;
        }
        let Some(firm) = truth.firms.get(key).filter(|firm| firm.good) else {
            mistakes.add("companies in HubSpot belong to no good vendor or customer", &format!("{id} `{key}`"));
            continue;
        };
        let builtin = if firm.record_type == "vendor" { "VENDOR" } else { "" };
        let wanted = [
            ("epicor_record_type", firm.record_type),
            ("type", builtin),
            ("name", firm.name.as_str()),
            ("phone", firm.phone.as_str()),
        ];
        for (name, wanted) in wanted {
            if value(name) != wanted {
                mistakes.add(&format!("companies have another `{name}` than Epicor says"), key);
            }
        }
    }
    for (key, count) in &found {
        if *count > 1 {
            mistakes.add("keys stand at more than one company", key);
        }
    }
    for (key, _) in truth.good_firms() {
        if !found.contains_key(key) {
            mistakes.add("good vendors and customers are missing in HubSpot", key);
        }
    }

    let emails: BTreeSet<String> = truth.good_people().map(|person| person.email.clone()).collect();
    let links: BTreeSet<(String, String)> =
        truth.good_people().map(|person| (person.firm.clone(), person.email.clone())).collect();
    for email in emails.difference(&portal.contacts) {
        mistakes.add("contacts are missing in HubSpot", email);
    }
    for (firm, email) in links.difference(&portal.links) {
        mistakes.add("contacts are not linked to their company", &format!("{email} to {firm}"));
    }
    for email in portal.contacts.difference(&emails) {
        if before.is_none_or(|before| !before.contacts.contains(email)) {
            mistakes.add("contacts in HubSpot belong to nobody", email);
        }
    }
    for link in portal.links.difference(&links) {
        if before.is_none_or(|before| !before.links.contains(link)) {
            mistakes.add("links in HubSpot should not be", &format!("{} to {}", link.1, link.0));
        }
    }
    mistakes.into_lines()
}

/// Whether the shelf holds what cannot go, each record once, and nothing else.
pub(crate) fn compare_shelf(truth: &Truth, letters: &[Letter]) -> Vec<String> {
    let mut mistakes = Mistakes::default();
    let mut shelved: BTreeSet<&str> = BTreeSet::new();
    let wanted = truth.held_back();
    for letter in letters {
        if !wanted.contains(&letter.subject) {
            mistakes.add("dead letters are about good records", &format!("{} ({})", letter.subject, letter.reason));
        } else if !shelved.insert(&letter.subject) {
            mistakes.add("records have more than one dead letter", &letter.subject);
        }
    }
    for key in &wanted {
        if !shelved.contains(key.as_str()) {
            mistakes.add("records that cannot go have no dead letter", key);
        }
    }
    mistakes.into_lines()
}

/// What is wrong, by kind, with a few examples of each.
#[derive(Default)]
pub(crate) struct Mistakes(BTreeMap<String, Vec<String>>);

impl Mistakes {
    pub(crate) fn add(&mut self, what: &str, example: &str) {
        self.0.entry(what.to_owned()).or_default().push(example.to_owned());
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        let line = |(what, examples): (String, Vec<String>)| {
            let more = if examples.len() > EXAMPLES { ", …" } else { "" };
            format!("{} {what}: {}{more}", examples.len(), examples[..examples.len().min(EXAMPLES)].join(", "))
        };
        self.0.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Firm, Person};

    fn truth() -> Truth {
        let firm = |name: &str, good| Firm { record_type: "vendor", name: name.into(), phone: "1".into(), good };
        let person = |key: &str, firm: &str, email: &str, good| Person {
            key: key.into(),
            firm: firm.into(),
            email: email.into(),
            good,
        };
        Truth {
            firms: [("E:VEND:1".to_owned(), firm("A", true)), ("E:VEND:2".to_owned(), firm("", false))].into(),
            people: vec![
                person("E:VENDCNT:1:1", "E:VEND:1", "a@x.example", true),
                person("E:VENDCNT:1:2", "E:VEND:1", "nonsense", false),
                person("E:VENDCNT:2:1", "E:VEND:2", "b@x.example", true),
            ],
            others: ["E:CUST:9".to_owned()].into(),
            rows: 5,
        }
    }

    fn company(key: &str) -> (String, BTreeMap<String, String>) {
        let properties =
            [(KEY_PROPERTY, key), ("epicor_record_type", "vendor"), ("type", "VENDOR"), ("name", "A"), ("phone", "1")];
        ("7".to_owned(), properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    fn portal() -> Portal {
        Portal {
            companies: vec![company("E:VEND:1")],
            contacts: ["a@x.example".to_owned()].into(),
            links: [("E:VEND:1".to_owned(), "a@x.example".to_owned())].into(),
        }
    }

    #[test]
    fn a_faithful_copy_has_no_mistakes() {
        assert_eq!(compare(&truth(), &portal(), None), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_mistake_is_found() {
        let mut wrong = portal();
        wrong.companies.extend([company("e:vend:1"), company("E:CUST:9")]);
        wrong.links.clear();
        wrong.contacts.insert("stranger@x.example".into());
        wrong.companies[0].1.insert("type".into(), "PARTNER".into());
        let lines = compare(&truth(), &wrong, None).join("\n");
        for part in ["more than one company", "prospects", "not linked", "belong to nobody", "another `type`"] {
            assert!(lines.contains(part), "{part} in {lines}");
        }
        assert!(!compare(&truth(), &Portal::default(), None).is_empty());
    }

    #[test]
    fn what_an_earlier_check_saw_may_stay() {
        let mut later = portal();
        later.contacts.insert("old@x.example".into());
        assert!(!compare(&truth(), &later, None).is_empty());
        let mut before = portal();
        before.contacts.insert("old@x.example".into());
        assert_eq!(compare(&truth(), &later, Some(&before)), Vec::<String>::new());
    }

    #[test]
    fn the_shelf_holds_what_cannot_go_and_nothing_else() {
        let letter = |subject: &str| Letter { subject: subject.into(), cause: "C".into(), reason: "r".into() };
        let right = [letter("E:VEND:2"), letter("E:VENDCNT:1:2"), letter("E:VENDCNT:2:1")];
        assert_eq!(compare_shelf(&truth(), &right), Vec::<String>::new());
        assert_eq!(compare_shelf(&truth(), &[letter("E:VEND:1"), letter("E:VEND:2"), letter("E:VEND:2")]).len(), 3);
    }
}
