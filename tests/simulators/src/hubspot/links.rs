//! Associations: one link per pair of records, readable from both ends, with types.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Kind;

/// A record at one end of a link.
pub(super) type End = (Kind, u64);

/// What kind of link: direction matters, so a type has an inverse.
#[derive(Debug, Clone)]
pub(super) struct LinkType {
    pub(super) id: u32,
    pub(super) from: Kind,
    pub(super) to: Kind,
    pub(super) inverse: u32,
    pub(super) label: Option<String>,
    pub(super) user_defined: bool,
}

impl LinkType {
    pub(super) fn category(&self) -> &'static str {
        if self.user_defined { "USER_DEFINED" } else { "HUBSPOT_DEFINED" }
    }
}

/// All links and link types of a portal.
#[derive(Debug)]
pub(super) struct Links {
    types: Vec<LinkType>,
    /// Type ids from the point of view of the first end; both directions are kept.
    pairs: BTreeMap<(End, End), BTreeSet<u32>>,
}

const CONTACT_TO_PRIMARY_COMPANY: u32 = 1;
const COMPANY_TO_PRIMARY_CONTACT: u32 = 2;

impl Links {
    pub(super) fn new() -> Self {
        use Kind::{Company, Contact};
        let built_in = [
            (279, Contact, Company, 280, None),
            (280, Company, Contact, 279, None),
            (1, Contact, Company, 2, Some("Primary")),
            (2, Company, Contact, 1, Some("Primary")),
            (450, Company, Company, 450, None),
            (13, Company, Company, 14, Some("Child Company")),
            (14, Company, Company, 13, Some("Parent Company")),
            (449, Contact, Contact, 449, None),
        ];
        Self {
            types: built_in
                .into_iter()
                .map(|(id, from, to, inverse, label)| LinkType {
                    id,
                    from,
                    to,
                    inverse,
                    label: label.map(str::to_owned),
                    user_defined: false,
                })
                .collect(),
            pairs: BTreeMap::new(),
        }
    }

    /// The type without a label for a direction.
    pub(super) fn plain(from: Kind, to: Kind) -> u32 {
        match (from, to) {
            (Kind::Company, Kind::Contact) => 280,
            (Kind::Contact, Kind::Company) => 279,
            (Kind::Company, Kind::Company) => 450,
            (Kind::Contact, Kind::Contact) => 449,
        }
    }

    /// The types of a direction.
    pub(super) fn types(&self, from: Kind, to: Kind) -> impl Iterator<Item = &LinkType> {
        self.types.iter().filter(move |known| known.from == from && known.to == to)
    }

    /// A type that fits a direction.
    pub(super) fn fitting(&self, id: u32, from: Kind, to: Kind) -> Option<&LinkType> {
        self.types(from, to).find(|known| known.id == id)
    }

    /// A type by id.
    pub(super) fn find_type(&self, id: u32) -> Option<&LinkType> {
        self.types.iter().find(|known| known.id == id)
    }

    /// Adds a label a user made up; returns its ids for both directions.
    pub(super) fn add_label(&mut self, from: Kind, to: Kind, label: &str, inverse_label: Option<&str>) -> (u32, u32) {
        if let Some(known) =
            self.types(from, to).find(|known| known.user_defined && known.label.as_deref() == Some(label))
        {
            return (known.id, known.inverse);
        }
        let id = 1000 + u32::try_from(self.types.len()).unwrap_or(0);
        let one_way = from == to && inverse_label.is_none();
        let inverse = if one_way { id } else { id + 1 };
        let mut add = |id, from, to, inverse, label: &str| {
            self.types.push(LinkType { id, from, to, inverse, label: Some(label.to_owned()), user_defined: true });
        };
        add(id, from, to, inverse, label);
        if !one_way {
            add(inverse, to, from, id, inverse_label.unwrap_or(label));
        }
        (id, inverse)
    }

    /// Links two records without touching labels they have.
    pub(super) fn associate(&mut self, from: End, to: End) {
        self.add(from, to, Self::plain(from.0, to.0));
    }

    /// Adds one type to a pair.
    pub(super) fn add(&mut self, from: End, to: End, id: u32) {
        if [CONTACT_TO_PRIMARY_COMPANY, COMPANY_TO_PRIMARY_CONTACT].contains(&id) {
            let (contact, company) = if from.0 == Kind::Contact { (from, to) } else { (to, from) };
            self.drop_primary(contact, company);
        }
        let inverse = self.find_type(id).map_or(id, |known| known.inverse);
        self.pairs.entry((from, to)).or_default().insert(id);
        self.pairs.entry((to, from)).or_default().insert(inverse);
    }

    /// A contact has one primary company: the one before is primary no more.
    fn drop_primary(&mut self, contact: End, except: End) {
        let others: Vec<End> = self.of(contact, except.0).map(|(end, _)| end).collect();
        for other in others.into_iter().filter(|other| *other != except) {
            self.remove_type(contact, other, CONTACT_TO_PRIMARY_COMPANY);
        }
    }

    /// Gives a pair exactly these labels besides the plain type.
    pub(super) fn replace_labels(&mut self, from: End, to: End, ids: &[u32]) {
        self.pairs.remove(&(from, to));
        self.pairs.remove(&(to, from));
        self.associate(from, to);
        for id in ids {
            self.add(from, to, *id);
        }
    }

    /// Takes one label from a pair; the link stays.
    pub(super) fn remove_type(&mut self, from: End, to: End, id: u32) {
        let inverse = self.find_type(id).map_or(id, |known| known.inverse);
        if let Some(types) = self.pairs.get_mut(&(from, to)) {
            types.remove(&id);
        }
        if let Some(types) = self.pairs.get_mut(&(to, from)) {
            types.remove(&inverse);
        }
    }

    /// Removes a link with all its types.
    pub(super) fn remove(&mut self, from: End, to: End) {
        self.pairs.remove(&(from, to));
        self.pairs.remove(&(to, from));
    }

    /// Removes every link of a record.
    pub(super) fn remove_all(&mut self, end: End) {
        let others: Vec<End> = self.all_of(end).map(|(other, _)| other).collect();
        for other in others {
            self.remove(end, other);
        }
    }

    /// Moves every link of `loser` to `survivor`.
    pub(super) fn merge(&mut self, survivor: End, loser: End) {
        let moved: Vec<(End, Vec<u32>)> =
            self.all_of(loser).map(|(other, types)| (other, types.iter().copied().collect())).collect();
        self.remove_all(loser);
        for (other, types) in moved {
            for id in types {
                self.add(survivor, other, id);
            }
        }
    }

    fn all_of(&self, end: End) -> impl Iterator<Item = (End, &BTreeSet<u32>)> {
        let least = (Kind::Company, 0);
        self.pairs
            .range((end, least)..)
            .take_while(move |((from, _), _)| *from == end)
            .map(|((_, to), types)| (*to, types))
    }

    /// Records of a kind linked to `end`, with the types seen from `end`.
    pub(super) fn of(&self, end: End, kind: Kind) -> impl Iterator<Item = (End, &BTreeSet<u32>)> {
        self.all_of(end).filter(move |(to, _)| to.0 == kind)
    }

    /// Every link of a direction.
    pub(super) fn all(&self, from: Kind, to: Kind) -> impl Iterator<Item = (u64, u64, &BTreeSet<u32>)> {
        self.pairs.iter().filter(move |((a, b), _)| a.0 == from && b.0 == to).map(|((a, b), types)| (a.1, b.1, types))
    }
}
