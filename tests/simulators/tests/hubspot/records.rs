//! Companies, contacts, definitions, associations, search.

use std::time::Duration;

use mlc_simulators::hubspot::Behaviour;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, LINKS, READ, SEARCH, UPSERT, input, traced};

#[tokio::test]
async fn an_upsert_creates_once_and_then_updates_the_same_record() {
    let client = Client::prepared().await;
    let id = client.company("EPIC06:VEND:1", "Noordzee").await;
    let (_, body) = client.upsert(&[input("epic06:vend:1", json!({"city": "Oostende"}))]).await;
    let result = &body["results"][0];
    assert_eq!((&result["id"], &result["new"]), (&json!(id), &json!(false)), "keys are compared without case");
    let companies = client.sim.companies();
    assert_eq!(companies.len(), 1);
    assert_eq!(companies[0].value("name"), "Noordzee");
    assert_eq!(companies[0].value("city"), "Oostende");
    assert_eq!(companies[0].value("epicor_key"), "EPIC06:VEND:1");
}

#[tokio::test]
async fn a_rejected_record_does_not_hold_back_its_batch_when_all_inputs_are_traced() {
    let client = Client::prepared().await;
    let (status, body) = client
        .upsert(&[
            traced("V:1", "t:1", json!({"name": "Good"})),
            traced("V:2", "t:2", json!({"name": "Bad", "epicor_record_type": "supplier"})),
        ])
        .await;
    assert_eq!(status, 207);
    assert_eq!(body["numErrors"], 1);
    assert_eq!(body["results"][0]["objectWriteTraceId"], "t:1");
    assert_eq!(body["errors"][0]["context"]["objectWriteTraceId"][0], "t:2");
    let message = body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("INVALID_OPTION"), "{message}");
    assert_eq!(client.sim.companies().len(), 1);
}

#[tokio::test]
async fn without_trace_ids_one_bad_record_refuses_the_whole_batch() {
    let client = Client::prepared().await;
    let (status, body) = client
        .upsert(&[
            traced("V:1", "t:1", json!({"name": "Good"})),
            input("V:2", json!({"name": "Bad", "annualrevenue": "lots"})),
        ])
        .await;
    assert_eq!(status, 400);
    assert_eq!(body["errors"][0]["code"], "INVALID_NUMBER");
    assert_eq!(client.sim.companies().len(), 0);
}

#[tokio::test]
async fn a_batch_is_refused_whole_for_duplicates_size_and_keys_that_are_not_unique() {
    let client = Client::prepared().await;
    let same = traced("V:1", "a", json!({"name": "A"}));
    let (status, body) = client.upsert(&[same.clone(), same]).await;
    assert_eq!(status, 400);
    assert_eq!(body["context"]["ids"], json!(["V:1"]));
    let many: Vec<Value> = (0..101).map(|n| traced(&format!("V:{n}"), &n.to_string(), json!({"name": "A"}))).collect();
    assert_eq!(client.upsert(&many).await.0, 400);
    for (key, expected) in [
        ("domain", "Unable to perform update/upsert by non-unique 0-2 property domain in portal ID 48112233"),
        ("epicor_kee", "PROPERTY_DOESNT_EXIST"),
    ] {
        let input = json!({"id": "x", "idProperty": key, "objectWriteTraceId": "t", "properties": {"name": "A"}});
        let (status, body) = client.upsert(&[input]).await;
        assert_eq!(status, 400);
        assert!(body["message"].as_str().unwrap().contains(expected));
    }
    assert_eq!(client.sim.companies().len(), 0);
}

#[tokio::test]
async fn a_unique_value_held_by_another_record_is_refused_with_that_records_id() {
    let client = Client::prepared().await;
    let holder = client.company("V:1", "One").await;
    let other = client.company("V:2", "Two").await;
    let path = format!("/crm/v3/objects/companies/{other}");
    let body = json!({"properties": {"epicor_key": "V:1"}});
    let (status, body) = client.send(Method::PATCH, &path, body.to_string()).await;
    assert_eq!(status, 400);
    let message = body["message"].as_str().unwrap();
    assert!(message.contains(&format!("on {other}. {holder} already has that value.")));
}

#[tokio::test]
async fn results_come_in_another_order_than_the_inputs() {
    let client = Client::prepared().await;
    let inputs: Vec<Value> =
        (0..100).map(|n| traced(&format!("V:{n}"), &n.to_string(), json!({"name": "A"}))).collect();
    let (_, body) = client.upsert(&inputs).await;
    let order: Vec<&str> = body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["objectWriteTraceId"].as_str().unwrap())
        .collect();
    let sent: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_ne!(order, sent);
    assert_eq!(order.len(), 100);
}

#[tokio::test]
async fn a_batch_read_names_the_keys_it_could_not_find() {
    let client = Client::prepared().await;
    client.company("V:1", "One").await;
    let body = json!({"idProperty": "epicor_key", "properties": ["name", "city", "nonsense"],
        "inputs": [{"id": "V:1"}, {"id": "V:9"}]});
    let (status, body) = client.post(READ, &body).await;
    assert_eq!(status, 207);
    let properties = &body["results"][0]["properties"];
    assert_eq!(properties["name"], "One");
    assert!(properties["city"].is_null(), "unset is null");
    assert!(properties.get("nonsense").is_none(), "undefined is absent");
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["V:9"]));
    assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
}

#[tokio::test]
async fn an_empty_text_clears_a_value_and_unsent_properties_stay() {
    let client = Client::prepared().await;
    let fields = json!({"name": "One", "city": "Gent", "phone": "1", "domain": "one.example"});
    client.upsert(&[input("V:1", fields)]).await;
    let (status, _) = client.upsert(&[input("V:1", json!({"city": ""}))]).await;
    assert_eq!(status, 200);
    let company = &client.sim.companies()[0];
    assert_eq!(company.value("city"), "");
    assert_eq!(company.value("phone"), "1");
    assert_eq!(company.value("website"), "one.example");
}

#[tokio::test]
async fn all_versions_and_type_names_reach_one_store() {
    let client = Client::prepared().await;
    let id = client.company("V:1", "One").await;
    for path in
        ["/crm/v3/objects/company", "/crm/v3/objects/0-2", "/crm/objects/2026-03/companies", "/crm/objects/2026-09/0-2"]
    {
        let (status, body) = client.get(&format!("{path}/{id}")).await;
        assert_eq!((status, &body["id"]), (200, &json!(id)), "{path}");
    }
    let (status, body) = client.get("/crm/v3/objects/butterflies").await;
    assert_eq!(status, 400);
    let message = "Unable to infer object type from: butterflies";
    assert_eq!(body["message"], message);
    assert!(body.get("category").is_none());
    let (status, body) = client.get("/crm/v3/nowhere").await;
    assert!(status == 404 && body.as_str().unwrap().starts_with("<html>"));
    let (status, body) = client.send(Method::PUT, SEARCH, String::new()).await;
    assert!(status == 405 && body.as_str().unwrap().starts_with("<html>"));
    let (status, body) = client.send(Method::POST, UPSERT, "{\"inputs\":[\n{".into()).await;
    assert_eq!(status, 400);
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("Invalid input JSON on line 2, column "));
}

#[tokio::test]
async fn lists_walk_all_records_by_cursor() {
    let client = Client::prepared().await;
    for n in 0..5 {
        client.company(&format!("V:{n}"), "A").await;
    }
    let mut path = "/crm/v3/objects/companies?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let (status, body) = client.get(&path).await;
        assert_eq!(status, 200);
        seen.extend(body["results"].as_array().unwrap().clone());
        let Some(after) = body["paging"]["next"]["after"].as_str() else {
            break;
        };
        path = format!("/crm/v3/objects/companies?limit=2&after={after}");
    }
    assert_eq!(seen.len(), 5);
    let (status, _) = client.get("/crm/v3/objects/companies?limit=101").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn search_still_matches_old_values_but_shows_new_ones() {
    let client = Client::prepared().await;
    client.company("V:1", "Old").await;
    client.sim.set_search_lag(Duration::from_secs(60));
    client.company("V:1", "New").await;
    client.company("V:2", "Other").await;
    let by_name = |name: &str| json!({"filterGroups": [{"filters": [{"propertyName": "name", "operator": "EQ", "value": name}]}], "properties": ["name"]});
    let (_, old) = client.post(SEARCH, &by_name("old")).await;
    assert_eq!(old["total"], 1);
    assert_eq!(old["results"][0]["properties"]["name"], "New");
    assert_eq!(client.post(SEARCH, &by_name("New")).await.1["total"], 0);
    assert_eq!(client.post(SEARCH, &by_name("Other")).await.1["total"], 0);
}

#[tokio::test]
async fn search_filters_sorts_pages_and_refuses_what_goes_too_far() {
    let client = Client::prepared().await;
    for n in 1..=5 {
        let fields = json!({"name": format!("Firm {n}"), "numberofemployees": n * 10});
        client.upsert(&[input(&format!("V:{n}"), fields)]).await;
    }
    let mut body = json!({"filterGroups": [{"filters": [{"propertyName": "numberofemployees", "operator": "BETWEEN", "value": "20", "highValue": "50"}]}],
        "sorts": [{"propertyName": "numberofemployees", "direction": "DESCENDING"}], "properties": ["name"], "limit": 3});
    let (status, page) = client.post(SEARCH, &body).await;
    assert_eq!((status, &page["total"]), (200, &json!(4)));
    assert_eq!(page["results"][0]["properties"]["name"], "Firm 5");
    assert_eq!(page["paging"]["next"]["after"], "3");
    body["after"] = "9999".into();
    assert_eq!(client.post(SEARCH, &body).await.0, 400);
    let filter = json!({"propertyName": "name", "operator": "HAS_PROPERTY"});
    let body = json!({"filterGroups": [{"filters": vec![filter; 7]}]});
    assert_eq!(client.post(SEARCH, &body).await.0, 400);
    assert_eq!(client.post(SEARCH, &json!({"limit": 201})).await.0, 400);
}

#[tokio::test]
async fn definitions_refuse_a_second_of_the_same_name_and_an_eleventh_unique_one() {
    let client = Client::prepared().await;
    let path = "/crm/v3/properties/companies";
    let unique = |name: &str| json!({"name": name, "label": "K", "groupName": "epicor", "type": "string", "fieldType": "text", "hasUniqueValue": true});
    let (status, body) = client.post(path, &unique("epicor_key")).await;
    assert_eq!(status, 409);
    assert_eq!(body["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
    for n in 2..=10 {
        assert_eq!(client.post(path, &unique(&format!("key{n}"))).await.0, 201);
    }
    assert_eq!(client.post(path, &unique("key11")).await.0, 400);
    assert_eq!(client.post(path, &unique("Bad-Name")).await.0, 400);
    let (_, kinds) = client.get(&format!("{path}/type")).await;
    let values: Vec<&str> =
        kinds["options"].as_array().unwrap().iter().map(|option| option["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"]);
    assert_eq!(client.get(&format!("{path}/nothing")).await.0, 404);
}

#[tokio::test]
async fn a_removed_property_refuses_the_writes_that_name_it() {
    let client = Client::prepared().await;
    let gone = client.control("properties/epicor_record_type/remove", &json!({})).await;
    assert_eq!(gone, 200);
    let fields = json!({"name": "A", "epicor_record_type": "vendor"});
    let (status, body) = client.upsert(&[input("V:1", fields)]).await;
    assert_eq!(status, 400);
    assert_eq!(body["errors"][0]["code"], "PROPERTY_DOESNT_EXIST");
}

#[tokio::test]
async fn the_default_association_keeps_a_users_label_and_create_replaces_it() {
    let client = Client::prepared().await;
    let company = client.company("V:1", "One").await;
    let contact = client.contact("Lena@one.example").await;
    assert_eq!(client.sim.contacts()[0].value("email"), "lena@one.example");
    assert!(client.sim.link_as_user(&company, &contact, Some("Decision maker")));
    let pair = json!({"from": {"id": company}, "to": {"id": contact}});
    let (status, body) = client.post(&format!("{LINKS}/associate/default"), &json!({"inputs": [pair]})).await;
    assert_eq!(status, 200);
    assert_eq!(body["results"][0]["associationSpec"]["associationTypeId"], 280);
    assert_eq!(client.sim.associations()[0].labels, ["Decision maker"]);
    let mut pair = pair;
    pair["types"] = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 2}]);
    let (status, _) = client.post(&format!("{LINKS}/create"), &json!({"inputs": [pair]})).await;
    assert_eq!(status, 201);
    assert_eq!(client.sim.associations()[0].labels, ["Primary"]);
    assert_eq!(client.sim.associations()[0].type_ids, [2, 280]);
}

#[tokio::test]
async fn associations_read_from_both_ends_and_none_is_an_error_entry() {
    let client = Client::prepared().await;
    let company = client.company("V:1", "One").await;
    let lonely = client.company("V:2", "Two").await;
    let contact = client.contact("a@one.example").await;
    assert!(client.sim.link_as_user(&company, &contact, None));
    let body = json!({"inputs": [{"id": company}, {"id": lonely}]});
    let (status, body) = client.post(&format!("{LINKS}/read"), &body).await;
    assert_eq!(status, 207);
    let to = &body["results"][0]["to"][0];
    assert_eq!(to["toObjectId"].to_string(), contact, "a number by default");
    let missing = &body["errors"][0];
    assert_eq!(missing["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(missing["context"]["fromObjectId"], json!([lonely]));
    client.sim.set_behaviour(Behaviour { to_object_id_as_text: true, ..Behaviour::default() });
    let (status, body) = client
        .post("/crm/associations/2026-03/contact/company/batch/read", &json!({"inputs": [{"id": contact}]}))
        .await;
    assert_eq!(status, 200);
    let to = &body["results"][0]["to"][0];
    assert_eq!(to["toObjectId"], company.as_str());
    assert_eq!(to["associationTypes"][0]["typeId"], 279);
}

#[tokio::test]
async fn a_merged_away_key_makes_a_new_company_and_the_old_id_leads_to_the_survivor() {
    let client = Client::prepared().await;
    let survivor = client.company("V:1", "One").await;
    let loser = client.company("V:2", "Two").await;
    assert!(client.sim.merge_companies(&survivor, &loser));
    let (status, body) = client.get(&format!("/crm/v3/objects/companies/{loser}")).await;
    assert_eq!((status, &body["id"]), (200, &json!(survivor)));
    let (_, body) = client.upsert(&[input("V:2", json!({"name": "Two"}))]).await;
    assert_eq!(body["results"][0]["new"], true);
    let update = json!({"inputs": [{"id": loser, "properties": {"name": "X"}}]});
    let (status, body) = client.post("/crm/v3/objects/companies/batch/update", &update).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
}
