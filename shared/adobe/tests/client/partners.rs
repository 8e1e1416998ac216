//! Customers, companies and sources.

use mlc_adobe::{Company, CustomAttribute, Customer, Source, fault};

use crate::support::{Site, code};

fn customer(email: &str) -> Customer {
    Customer {
        email: Some(email.to_owned()),
        firstname: Some("Ida".to_owned()),
        lastname: Some("Brandt".to_owned()),
        website_id: Some(1),
        store_id: Some(1),
        group_id: Some(1),
        ..Customer::default()
    }
}

fn company(reseller_id: &str, administrator: Option<i64>) -> Company {
    let text = |text: &str| Some(text.to_owned());
    Company {
        company_name: text("Northwind Castings Ltd"),
        company_email: text("office@northwind-castings.example"),
        status: Some(Company::APPROVED),
        reseller_id: text(reseller_id),
        street: Some(vec!["14 Foundry Road".to_owned()]),
        city: text("Duluth"),
        country_id: text("US"),
        region: text("Minnesota"),
        region_id: Some("34".into()),
        postcode: text("55802"),
        telephone: text("218-555-0142"),
        customer_group_id: Some(1),
        super_user_id: administrator,
        sales_representative_id: Some(1),
        ..Company::default()
    }
}

#[tokio::test]
async fn a_company_is_made_for_a_customer_found_by_our_key_and_changed() {
    for site in Site::all().await {
        let client = site.client().await;
        let email = "vendor-1042@northwind-castings.example";
        assert!(client.find_customer(email, 1).await.unwrap().is_none());
        let administrator = client.create_customer(&customer(email)).await.unwrap().id;
        let fault = client.create_customer(&customer(email)).await.unwrap_err();
        assert_eq!(code(&fault), fault::code::CUSTOMER_EXISTS, "{fault}");
        assert_eq!(client.find_customer(email, 1).await.unwrap().unwrap().id, administrator);

        let made = client.create_company(&company("EPIC06-V-1042", administrator)).await.unwrap();
        let mut found = client.find_company("EPIC06-V-1042").await.unwrap().unwrap();
        assert_eq!(found.id, made.id);
        assert!(client.find_company("EPIC06-V-9").await.unwrap().is_none());
        found.status = Some(Company::BLOCKED);
        client.update_company(&found).await.unwrap();
        let read = client.company(found.id.unwrap()).await.unwrap();
        assert_eq!((read.status, read.postcode.as_deref()), (Some(Company::BLOCKED), Some("55802")));

        let attributes = [CustomAttribute::new("epicor_vendor_num", "1042")];
        let set = client.set_company_attributes(found.id.unwrap(), &attributes).await;
        let knows = client.capabilities().await.unwrap().company_attributes;
        assert_eq!(set.is_ok(), knows, "{set:?}");
    }
}

#[tokio::test]
async fn a_source_is_made_changed_and_refused_without_a_postcode() {
    for site in Site::all().await {
        let client = site.client().await;
        let mut source = Source {
            source_code: Some("epic06-v-1042".to_owned()),
            name: Some("Northwind Castings Ltd (1042)".to_owned()),
            enabled: Some(false),
            country_id: Some("US".to_owned()),
            ..Source::default()
        };
        let fault = client.create_source(&source).await.unwrap_err();
        assert_eq!((code(&fault), fault.field.as_deref()), (fault::code::MISSING_FIELD, Some("postcode")));
        source.postcode = Some("55802".to_owned());
        client.create_source(&source).await.unwrap();
        let mut read = client.source("epic06-v-1042").await.unwrap().unwrap();
        assert_eq!(read.enabled, Some(false));
        read.contact_name = Some("Ida Brandt".to_owned());
        client.update_source(&read).await.unwrap();
        let read = client.source("epic06-v-1042").await.unwrap().unwrap();
        assert_eq!(read.contact_name.as_deref(), Some("Ida Brandt"));
        assert!(client.source("epic06-v-9").await.unwrap().is_none());
        assert!(client.source("a/../b").await.is_err());
    }
}
