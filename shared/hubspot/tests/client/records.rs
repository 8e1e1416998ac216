//! Writing, reading and linking records.

use mlc_model::FaultKind;
use mlc_simulators::hubspot::{Behaviour, Fault, FaultKind as Sim};

use crate::portal::{Portal, bad_vendor, key, person, vendor};

#[tokio::test]
async fn shuffled_results_go_to_the_inputs_they_belong_to() {
    let portal = Portal::open().await;
    let inputs: Vec<_> = (0..150).map(vendor).collect();
    let first = portal.client.upsert_companies(&inputs).await.unwrap();
    assert_eq!(portal.upserts(), [100, 50]);
    for (input, entry) in inputs.iter().zip(&first) {
        let upserted = entry.result.as_ref().unwrap();
        let stored = portal.sim.companies_with("epicor_key", input.key.as_str());
        assert_eq!((entry.key.as_str(), stored.len()), (input.key.as_str(), 1));
        assert_eq!(stored[0].id, upserted.id.as_str());
        assert!(upserted.created);
    }
    let again = portal.client.upsert_companies(&inputs).await.unwrap();
    for (first, again) in first.iter().zip(&again) {
        let (first, again) = (first.result.as_ref().unwrap(), again.result.as_ref().unwrap());
        assert_eq!(first.id, again.id);
        assert!(!again.created);
    }
}

#[tokio::test]
async fn a_207_names_the_bad_record_and_writes_the_others() {
    let portal = Portal::open().await;
    let inputs = [vendor(1), bad_vendor(2), vendor(3)];
    let entries = portal.client.upsert_companies(&inputs).await.unwrap();
    assert!(entries[0].result.is_ok() && entries[2].result.is_ok());
    let fault = entries[1].result.as_ref().unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Rejected, Some("INVALID_OPTION")));
    assert_eq!(fault.field.as_deref(), Some("epicor_record_type"));
    assert!(!fault.message.contains("supplier"), "{}", fault.message);
    assert_eq!(portal.upserts(), [3]);
}

#[tokio::test]
async fn a_207_without_trace_ids_still_finds_the_bad_records() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::always("batch/upsert", Sim::WithoutTraceIds));
    let inputs = [vendor(1), bad_vendor(2), vendor(3), bad_vendor(4)];
    let entries = portal.client.upsert_companies(&inputs).await.unwrap();
    let refused: Vec<bool> = entries.iter().map(|entry| entry.result.is_err()).collect();
    assert_eq!(refused, [false, true, false, true]);
    for at in [1, 3] {
        assert_eq!(entries[at].result.as_ref().unwrap_err().kind, FaultKind::Rejected);
    }
}

#[tokio::test]
async fn a_whole_batch_400_is_halved_until_the_bad_record_is_alone() {
    let portal = Portal::open().await;
    portal.sim.set_behaviour(Behaviour { ignore_trace_ids: true, ..Behaviour::default() });
    let inputs: Vec<_> =
        (0..100).map(|number| if number == 37 { bad_vendor(number) } else { vendor(number) }).collect();
    let entries = portal.client.upsert_companies(&inputs).await.unwrap();
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(entry.result.is_err(), number == 37, "{number}");
    }
    assert_eq!(portal.sim.companies().len(), 99);
    assert!(portal.upserts().len() <= 15, "{:?}", portal.upserts());
}

#[tokio::test]
async fn one_key_twice_is_merged_before_it_is_sent() {
    let portal = Portal::open().await;
    let mut later = vendor(1);
    later.properties.insert("name".to_owned(), "Later".to_owned());
    let entries = portal.client.upsert_companies(&[vendor(1), vendor(2), later]).await.unwrap();
    assert_eq!(portal.upserts(), [2]);
    let created: Vec<bool> = entries.iter().map(|entry| entry.result.as_ref().unwrap().created).collect();
    assert_eq!(created, [true, true, false]);
    assert_eq!(portal.sim.companies_with("epicor_key", key(1).as_str())[0].value("name"), "Later");
}

#[tokio::test]
async fn an_undefined_mapped_property_refuses_only_its_writers() {
    let portal = Portal::open().await;
    let mut writer = vendor(2);
    writer.properties.insert("tier".to_owned(), "gold".to_owned());
    let entries = portal.client.upsert_companies(&[vendor(1), writer, vendor(3)]).await.unwrap();
    let refused: Vec<bool> = entries.iter().map(|entry| entry.result.is_err()).collect();
    assert_eq!(refused, [false, true, false]);
    assert_eq!(entries[1].result.as_ref().unwrap_err().field.as_deref(), Some("tier"));
}

#[tokio::test]
async fn a_removed_key_property_asks_for_the_set_up() {
    let portal = Portal::open().await;
    assert!(portal.sim.remove_company_property("epicor_key"));
    let entries = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap();
    for entry in entries {
        let fault = entry.result.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Rejected);
        assert!(fault.message.contains("mlc ping --set-up"), "{}", fault.message);
    }
    portal.client.set_up().await.unwrap();
    assert!(portal.client.upsert_companies(&[vendor(1)]).await.unwrap()[0].result.is_ok());
}

#[tokio::test]
async fn companies_are_read_by_key_and_unknown_ones_are_left_out() {
    let portal = Portal::open().await;
    portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap();
    let read = portal.client.read_companies(&[key(1), key(9)], &["name", "city"]).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].key, key(1));
    assert_eq!(read[0].properties["name"].as_deref(), Some("Vendor 1"));
    assert_eq!(read[0].properties["city"], None);
    portal.sim.set_behaviour(Behaviour { read_of_nothing_is_404: true, ..Behaviour::default() });
    assert!(portal.client.read_companies(&[key(9)], &["name"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_contact_is_found_again_by_its_address_in_any_case() {
    let portal = Portal::open().await;
    let first = portal.client.upsert_contacts(&[person("lena")]).await.unwrap();
    let mut shouted = person("lena");
    shouted.email = "LENA@Noordzee.example".to_owned();
    let again = portal.client.upsert_contacts(&[shouted]).await.unwrap();
    let (first, again) = (first[0].result.as_ref().unwrap(), again[0].result.as_ref().unwrap());
    assert_eq!((first.id.clone(), first.created, again.created), (again.id.clone(), true, false));
    assert_eq!(portal.sim.contacts().len(), 1);
}

#[tokio::test]
async fn a_link_never_disturbs_a_users_label_and_a_gone_contact_is_its_own_fault() {
    let portal = Portal::open().await;
    let companies = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap();
    let people = portal.client.upsert_contacts(&[person("lena"), person("otto")]).await.unwrap();
    let company = |at: usize| companies[at].result.as_ref().unwrap().id.clone();
    let contact = |at: usize| people[at].result.as_ref().unwrap().id.clone();
    assert!(portal.sim.link_as_user(company(0).as_str(), contact(0).as_str(), Some("Buyer")));
    let gone = mlc_model::TargetId::parse("999999").unwrap();
    let pairs = [(company(0), contact(0)), (company(1), contact(1)), (company(1), gone), (company(0), contact(0))];
    for _ in 0..2 {
        let linked = portal.client.associate(&pairs).await.unwrap();
        let good: Vec<bool> = linked.iter().map(|link| link.result.is_ok()).collect();
        assert_eq!(good, [true, true, false, true], "{linked:?}");
        assert_eq!(linked[2].result.as_ref().unwrap_err().kind, FaultKind::Rejected);
    }
    let links = portal.sim.associations();
    assert_eq!(links.len(), 2);
    let labelled = links.iter().find(|link| link.company == company(0).as_str()).unwrap();
    assert_eq!(labelled.labels, ["Buyer"]);
}

#[tokio::test]
async fn the_dated_paths_work_alike() {
    let portal = Portal::open().await;
    let config = mlc_hubspot::HubspotConfig {
        api_version: mlc_hubspot::ApiVersion::parse("2026-03").unwrap(),
        ..Default::default()
    };
    let secrets = crate::portal::static_token(mlc_simulators::hubspot::DEFAULT_TOKEN);
    let client = mlc_hubspot::HubspotClient::new(portal.door.clone(), config, secrets).unwrap();
    let companies = client.upsert_companies(&[vendor(1)]).await.unwrap();
    let people = client.upsert_contacts(&[person("lena")]).await.unwrap();
    let pair = (companies[0].result.clone().unwrap().id, people[0].result.clone().unwrap().id);
    assert!(client.associate(&[pair]).await.unwrap()[0].result.is_ok());
    assert_eq!(client.read_companies(&[key(1)], &[]).await.unwrap().len(), 1);
    assert!(client.verify().await.unwrap().lines.iter().all(|line| line.verdict == mlc_model::Verdict::Good));
}
