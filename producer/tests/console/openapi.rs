//! `deploy/openapi.json`.

use crate::private_redis::mlc;

#[test]
fn the_description_that_is_kept_is_that_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/openapi.json");
    let kept = std::fs::read_to_string(file).unwrap();
    let output = mlc(&["openapi"]).output().unwrap();
    let made = String::from_utf8(output.stdout).unwrap();
    assert!(kept == made, "the API has changed: write its description anew with `mlc openapi > deploy/openapi.json`");
}

#[test]
fn every_operation_says_who_may_and_what_it_leaves() {
    let document = mlc_producer::console::openapi_document();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "{}", paths.len());
    for (path, item) in paths {
        for (verb, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{verb} {path}");
            assert!(operation["x-role"].is_string(), "{verb} {path}");
            assert_eq!(operation["requestBody"].is_object(), verb == "post", "{verb} {path}");
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
