//! Methods of services (`GetNew*`, `Update*`, `GetByID`, ..) and writes on entity sets.

use std::collections::BTreeMap;

use axum::http::Method as Verb;
use serde_json::{Map, Value, json};

use super::{
    change,
    config::{GlPost, MasterUpdate},
    errors::Refusal,
    keys::key_of,
    locked,
    money::Amount,
    rules,
    save::{Desk, Strictness},
    schema::{self, tables},
    sim::Shared,
    tableset::{self, Ds, Fields, Service, blank, complete, int, push, text},
    value::{Key, KeyPart},
};

/// Parameters of a call, from the body or the query.
pub(crate) struct Inputs(Map<String, Value>);

impl Inputs {
    pub(crate) fn int(&self, name: &str) -> Result<i64, Refusal> {
        let value = self.0.get(name);
        let whole = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()));
        whole.ok_or_else(|| Refusal::business(format!("Parameter {name} is not a whole number.")))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn amount(&self, name: &str) -> Amount {
        Amount::of(self.0.get(name))
    }

    pub(crate) fn ds(&mut self) -> Result<Ds, Refusal> {
        match self.0.remove("ds") {
            Some(Value::Object(ds)) => Ok(ds),
            _ => Err(Refusal::business("Parameter ds is not a tableset.")),
        }
    }
}

type Run = fn(&mut Desk<'_>, &'static Service, &mut Inputs) -> Result<Value, Refusal>;

/// Parameters, whether it only reads, and what it does.
pub(crate) struct Method(pub(crate) &'static [&'static str], pub(crate) bool, pub(crate) Run);

fn find(service: &'static Service, name: &str) -> Option<Method> {
    if let Some(method) = change::find(service.name, name) {
        return Some(method);
    }
    Some(match (service.name, name) {
        (_, "GetByID") => Method(service.by_id, true, get_by_id),
        (_, "Update") => Method(&["ds"], false, update),
        (_, "UpdateExt") => {
            Method(&["ds", "continueProcessingOnError", "rollbackParentOnChildError"], false, update_ext)
        }
        ("Erp.BO.VendorSvc", "GetByVendID") => Method(&["vendorID"], true, |desk, service, inputs| {
            let vendor = desk
                .store
                .find_by_text(desk.company, "Vendor", "VendorID", &inputs.text("vendorID"))
                .ok_or_else(Refusal::no_record)?;
            let key = [KeyPart::Int(int(&vendor, "VendorNum"))];
            Ok(json!({ "returnObj": desk.store.document(desk.company, service, &key), "parameters": {} }))
        }),
        ("Erp.BO.VendorSvc", "GetNewVendor") => Method(&["ds"], false, |desk, service, inputs| {
            get_new(
                desk,
                service,
                inputs,
                "Vendor",
                json!({ "Approved": true, "CountryNum": 1, "CurrencyCode": "USD" }),
            )
        }),
        ("Erp.BO.VendorSvc", "GetNewVendCntMain") => {
            Method(&["ds", "vendorNum", "purPoint"], false, |desk, service, inputs| {
                let number = inputs.int("vendorNum")?;
                parent(desk, "Vendor", &[KeyPart::Int(number)])?;
                let given = json!({ "VendorNum": number, "PurPoint": inputs.text("purPoint") });
                get_new(desk, service, inputs, "VendCntMain", given)
            })
        }
        ("Erp.BO.ReqSvc", "GetNewReqHead") => Method(&["ds"], false, |desk, service, inputs| {
            let given = json!({
                "OpenReq": true, "RequestorID": desk.user, "RequestDate": today(desk),
                "ShipName": format!("{} Distributing", desk.code),
            });
            get_new(desk, service, inputs, "ReqHead", given)
        }),
        ("Erp.BO.ReqSvc", "GetNewReqDetail") => Method(&["ds", "reqNum"], false, |desk, service, inputs| {
            let number = inputs.int("reqNum")?;
            parent(desk, "ReqHead", &[KeyPart::Int(number)])?;
            let given = json!({
                "ReqNum": number, "OpenLine": true, "TranType": "PUR-UKN", "CostPerCode": "E", "IUM": "EA", "RUM": "EA",
                "CurrencyCode": "USD", "ExchangeRate": 1.0,
            });
            get_new(desk, service, inputs, "ReqDetail", given)
        }),
        ("Erp.BO.APInvGrpSvc", "GetNewAPInvGrp") => Method(&["ds"], false, |desk, service, inputs| {
            let given = json!({ "CreatedBy": desk.user, "ActiveUserID": desk.user, "ApplyDate": today(desk) });
            get_new(desk, service, inputs, "APInvGrp", given)
        }),
        ("Erp.BO.APInvGrpSvc", "LockAPGroup") => Method(&["groupID", "ds"], false, |desk, _, inputs| {
            let id = inputs.text("groupID");
            rules::group(desk, &id)?;
            lock(desk, &id, true);
            Ok(json!({ "parameters": { "ds": inputs.ds()? } }))
        }),
        ("Erp.BO.APInvGrpSvc", "UnlockGroup") => Method(&["InGroupID"], false, |desk, _, inputs| {
            let id = inputs.text("InGroupID");
            rules::group(desk, &id)?;
            lock(desk, &id, false);
            Ok(json!({}))
        }),
        ("Erp.BO.APInvoiceSvc", "GetNewAPInvHedInvoice") => {
            Method(&["ds", "cGroupID"], false, |desk, service, inputs| {
                let id = inputs.text("cGroupID");
                let group = rules::group(desk, &id)?;
                lock(desk, &id, true);
                let given = json!({
                    "GroupID": id, "OpenPayable": true, "EntryPerson": desk.user, "InvoiceDate": today(desk),
                    "ApplyDate": group.get("ApplyDate"), "CurrencyCode": "USD", "ExchangeRate": 1.0,
                });
                get_new(desk, service, inputs, "APInvHed", given)
            })
        }
        ("Erp.BO.APInvoiceSvc", "GetNewAPInvDtlMiscellaneous") => {
            Method(&["ds", "iVendorNum", "cInvoiceNum"], false, |desk, service, inputs| {
                new_line(desk, service, inputs, "M")
            })
        }
        ("Erp.BO.APInvoiceSvc", "GetNewAPInvDtlUnreceived") => {
            Method(&["ds", "iVendorNum", "cInvoiceNum"], false, |desk, service, inputs| {
                new_line(desk, service, inputs, "U")
            })
        }
        ("Erp.BO.APInvoiceSvc", "UpdateMaster") => Method(MASTER_INPUTS, false, update_master),
        _ => return None,
    })
}

const MASTER_INPUTS: &[&str] =
    &["ds", "cGroupID", "cTableName", "runChkCPay", "runChkBankRef", "runChkRevChrg", "suppressUserPrompts"];

/// Whether `name` is a method of `service` that reads only; `None` when there is no such method.
pub(crate) fn reads(service: &str, name: &str) -> Option<bool> {
    find(tableset::service(service)?, name).map(|method| method.1)
}

/// Runs a method. The caller has checked credentials, rights and the verb.
pub(crate) fn run(
    shared: &Shared,
    company: usize,
    service: &str,
    name: &str,
    sent: Sent<'_>,
) -> Result<Value, Refusal> {
    let service = tableset::service(service).ok_or_else(|| Refusal::no_resource(name))?;
    let Method(parameters, _, action) = find(service, name).ok_or_else(|| Refusal::no_resource(name))?;
    let given = match sent {
        Sent::Query(pairs) => pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
        Sent::Body([]) => Map::new(),
        Sent::Body(body) => object(body)?,
    };
    if let Some(missing) = parameters.iter().find(|name| !given.contains_key(**name)) {
        return Err(Refusal::missing_parameter(missing));
    }
    at_desk(shared, company, &format!("POST {}/{name}", service.name), |desk| action(desk, service, &mut Inputs(given)))
}

/// Where the parameters of a method come from.
pub(crate) enum Sent<'a> {
    Query(&'a [(String, String)]),
    Body(&'a [u8]),
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| {
        Refusal::new(
            400,
            "Newtonsoft.Json.JsonReaderException",
            "Unexpected character encountered while parsing value.",
        )
    })
}

fn at_desk<T>(
    shared: &Shared,
    company: usize,
    path: &str,
    work: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut store = locked(&shared.store);
    let code = store.companies[company].code.to_string();
    let user = shared.config.user.clone();
    let mut desk = Desk { store: &mut store, company, code, user, saved: BTreeMap::new(), gl_rows: 0 };
    let result = work(&mut desk);
    let (saved, gl_rows) = (desk.saved, desk.gl_rows);
    drop(store);
    let mut stats = locked(&shared.stats);
    for (what, rows) in saved {
        *stats.saved.entry(what).or_default() += rows;
    }
    if gl_rows > 0 {
        *stats.gl_rows.entry(path.to_owned()).or_default() += gl_rows;
    }
    result
}

/// A write on an entity set: `POST` adds, `PATCH` changes, `DELETE` removes; all three run `UpdateExt`
/// inside. The added row comes back.
pub(crate) fn write_set(
    shared: &Shared,
    company: usize,
    at: usize,
    key: Option<&Key>,
    verb: &Verb,
    body: &[u8],
) -> Result<Option<Fields>, Refusal> {
    let table = &tables()[at];
    let service = tableset::service(table.service).ok_or_else(Refusal::wrong_verb)?;
    let path = format!("{verb} {}/{}", table.service, table.set);
    at_desk(shared, company, &path, |desk| {
        let mut row = match (verb, key) {
            (&Verb::POST, None) => {
                let mut row = blank(&desk.code, table, desk.store.dates(), json!({}));
                row.extend(object(body)?);
                row
            }
            (&Verb::PATCH | &Verb::DELETE, Some(key)) => {
                let mut row = desk.store.full_row(company, at, key).ok_or_else(Refusal::no_record)?;
                row.extend(if *verb == Verb::PATCH { object(body)? } else { Map::new() });
                row
            }
            _ => return Err(Refusal::wrong_verb()),
        };
        if table.name == "APInvExpTGLC" {
            return gl_post(desk, row, verb);
        }
        let mark = if *verb == Verb::POST {
            "A"
        } else if *verb == Verb::PATCH {
            "U"
        } else {
            "D"
        };
        row.insert("RowMod".into(), mark.into());
        let mut ds = Ds::new();
        push(&mut ds, table.name, row);
        // Refusals of business rules inside an OData write come out as 500.
        let saved = desk.save(service, &ds, Strictness::Whole).map_err(|refusal| Refusal {
            status: if refusal.status == 400 { 500 } else { refusal.status },
            ..refusal
        })?;
        Ok(saved.ds.get(table.name).and_then(|rows| rows.get(0)?.as_object().cloned()))
    })
}

/// The known bug: GL rows of invoice lines cannot be written on their own.
fn gl_post(desk: &mut Desk<'_>, mut row: Fields, verb: &Verb) -> Result<Option<Fields>, Refusal> {
    if desk.store.switches.gl_post == GlPost::Refuses || *verb != Verb::POST {
        let message = "Object reference not set to an instance of an object.";
        return Err(Refusal::new(500, "Ice.Common.BusinessObjectException", message));
    }
    row.insert("SysRowID".into(), super::value::guid_text(rand::random()).into());
    row.retain(|name, _| !["SysRevID", "RowMod", "CreateDate"].contains(&name.as_str()));
    let key = desk.store.insert(&desk.code, "APInvExpTGLC", &Value::Object(row)).map_err(Refusal::business)?;
    desk.gl_rows += 1;
    let at = schema::find("APInvExpTGLC").ok_or_else(Refusal::no_record)?;
    let key = key_of(&tables()[at], &key).map_err(Refusal::business)?;
    Ok(desk.store.full_row(desk.company, at, &key))
}

pub(crate) fn today(desk: &Desk<'_>) -> String {
    let now = desk.store.clock().now() + chrono::TimeDelta::minutes(desk.store.switches.server_offset_minutes.into());
    now.format("%Y-%m-%dT00:00:00").to_string()
}

pub(crate) fn parent(desk: &Desk<'_>, table: &str, key: &[KeyPart]) -> Result<Fields, Refusal> {
    desk.row(table, key).ok_or_else(Refusal::no_record)
}

fn lock(desk: &mut Desk<'_>, group: &str, locked: bool) {
    let user = if locked { desk.user.clone() } else { String::new() };
    let status = if locked { "Locked" } else { "" };
    desk.patch("APInvGrp", &[KeyPart::Text(group.into())], &json!({ "ActiveUserID": user, "LockStatus": status }));
}

fn get_new(
    desk: &mut Desk<'_>,
    service: &'static Service,
    inputs: &mut Inputs,
    table: &'static str,
    given: Value,
) -> Result<Value, Refusal> {
    let mut ds = inputs.ds()?;
    complete(service, &mut ds);
    let at = schema::find(table).ok_or_else(|| Refusal::no_resource(table))?;
    push(&mut ds, table, blank(&desk.code, &tables()[at], desk.store.dates(), given));
    Ok(json!({ "parameters": { "ds": ds } }))
}

fn new_line(
    desk: &mut Desk<'_>,
    service: &'static Service,
    inputs: &mut Inputs,
    line_type: &str,
) -> Result<Value, Refusal> {
    let (vendor, invoice) = (inputs.int("iVendorNum")?, inputs.text("cInvoiceNum"));
    let head = parent(desk, "APInvHed", &[KeyPart::Int(vendor), KeyPart::Text(invoice.as_str().into())])?;
    rules::group(desk, text(&head, "GroupID"))?;
    let given = json!({
        "VendorNum": vendor, "InvoiceNum": invoice, "LineType": line_type, "CostPerCode": "E", "PUM": "EA", "IUM": "EA",
        "CurrencyCode": text(&head, "CurrencyCode"), "GroupID": text(&head, "GroupID"),
    });
    get_new(desk, service, inputs, "APInvDtl", given)
}

fn get_by_id(desk: &mut Desk<'_>, service: &'static Service, inputs: &mut Inputs) -> Result<Value, Refusal> {
    let header = schema::find(service.tables[0]).map(|at| &tables()[at]).ok_or_else(Refusal::no_record)?;
    let mut key = Vec::new();
    for (parameter, column) in service.by_id.iter().zip(header.keys) {
        let is_text = ["InvoiceNum", "GroupID"].contains(column);
        key.push(if is_text {
            KeyPart::Text(inputs.text(parameter).into())
        } else {
            KeyPart::Int(inputs.int(parameter)?)
        });
    }
    let ds = desk.store.document(desk.company, service, &key).ok_or_else(Refusal::no_record)?;
    Ok(json!({ "returnObj": ds, "parameters": {} }))
}

fn update(desk: &mut Desk<'_>, service: &'static Service, inputs: &mut Inputs) -> Result<Value, Refusal> {
    let ds = inputs.ds()?;
    let saved = desk.save(service, &ds, Strictness::Whole)?;
    Ok(json!({ "parameters": { "ds": saved.ds } }))
}

fn update_ext(desk: &mut Desk<'_>, service: &'static Service, inputs: &mut Inputs) -> Result<Value, Refusal> {
    let ds = inputs.ds()?;
    let parent_falls_with_child = inputs.flag("rollbackParentOnChildError");
    let by_row = Strictness::RowByRow { parent_falls_with_child };
    let dry = |refusal: Refusal| {
        json!({
            "TableName": refusal.place.map_or("", |(table, _)| table), "ErrorLevel": "Error",
            "ErrorType": refusal.kind, "ErrorText": refusal.message, "ErrorSysRowID": "", "SysRowID": "", "RowMod": "",
        })
    };
    let (ds, errors) = if inputs.flag("continueProcessingOnError") {
        let saved = desk.save(service, &ds, by_row)?;
        (saved.ds, saved.errors)
    } else {
        match desk.save(service, &ds, Strictness::Whole) {
            Ok(saved) => (saved.ds, Vec::new()),
            Err(refusal) => (ds, vec![dry(refusal)]),
        }
    };
    let failed = !errors.is_empty();
    Ok(json!({ "returnObj": { "BOUpdError": errors }, "parameters": { "ds": ds, "errorsOccurred": failed } }))
}

fn update_master(desk: &mut Desk<'_>, service: &'static Service, inputs: &mut Inputs) -> Result<Value, Refusal> {
    let (sent, id) = (inputs.ds()?, inputs.text("cGroupID"));
    rules::group(desk, &id)?;
    let mode = desk.store.switches.update_master;
    let ds = if mode == MasterUpdate::Saves { desk.save(service, &sent, Strictness::Whole)?.ds } else { sent };
    let total: Amount = desk
        .store
        .rows(&desk.code, "APInvHed")
        .iter()
        .filter(|row| row["GroupID"] == id.as_str())
        .map(|row| Amount::of(row.get("InvoiceAmt")))
        .sum();
    let asks = mode == MasterUpdate::AsksUser;
    Ok(json!({ "parameters": {
        "ds": ds, "grpTotalInvAmt": total.json(), "requiresUserInput": asks,
        "opMessage": if asks { "The invoice amount differs from the total of the lines. Continue?" } else { "" },
        "opMsgChkBankRef": "", "opChkRevMsg": "", "lEnableGenLegalNum": false,
        "lUpdateRan": mode == MasterUpdate::Saves, "opDUAMsg": "",
    } }))
}
