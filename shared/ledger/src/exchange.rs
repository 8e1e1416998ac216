//! What was said about one record when it was last pushed: read, sent, answered.

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, JobId, RecordKey, SealBroken, Sealer, TargetId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest part as JSON, in bytes. Longer ones are cut, visibly.
const PART_LIMIT: usize = 8 * 1024;
/// How a part that is too long is cut, from gently to hard, until it fits: longest text, most entries of a list, deepest nesting. What
/// stands at the top tells most, such as ids and totals, so it goes last.
const CUTS: [(usize, usize, usize); 10] = [
    (2_048, 200, 12),
    (1_024, 64, 12),
    (512, 32, 8),
    (256, 16, 6),
    (128, 8, 5),
    (64, 4, 4),
    (64, 2, 3),
    (64, 1, 3),
    (64, 0, 2),
    (32, 0, 1),
];
/// Most fields of an object that is cut.
const CUT_FIELDS: usize = 300;
/// Key of what tells that entries of an object or a list were left out.
const CUT: &str = "…";
/// The last exchange about one record. It holds personal data: it is stored sealed only, and shown to operators only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was read at the source, as our model has it; `None` when it was not at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Value>,
    /// The body that was sent, or the record's part of it; `None` when nothing had to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Value>,
    /// What the target answered to it, or the record's part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Value>,
    /// The call, such as `companies.batch_upsert`.
    pub operation: String,
    /// HTTP status of the answer; `None` when nothing was sent or nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The record's id at the target; `None` when it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<TargetId>,
    /// When.
    pub at: DateTime<Utc>,
    /// The job that carried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
}

/// An exchange that is kept and cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeUnreadable {
    /// Sealed with a key that is no longer in the ring, or tampered with.
    #[error(transparent)]
    Sealed(#[from] SealBroken),
    /// Of a shape that this version does not know.
    #[error("the exchange cannot be read")]
    Shape,
}

impl Exchange {
    /// Seals it for one record. Each part is cut to about 8 KiB first.
    pub fn seal(mut self, sealer: &dyn Sealer, flow: &FlowId, key: &RecordKey) -> Vec<u8> {
        let parts = [&mut self.source, &mut self.sent, &mut self.answered];
        parts.into_iter().flatten().for_each(shorten);
        let plain = serde_json::to_vec(&self).unwrap_or_default();
        sealer.seal(&context(flow, key), &lz4_flex::compress_prepend_size(&plain))
    }

    /// Opens what [`Exchange::seal`] made for the same record.
    ///
    /// # Errors
    /// [`ExchangeUnreadable`].
    pub fn open(
        sealer: &dyn Sealer,
        flow: &FlowId,
        key: &RecordKey,
        sealed: &[u8],
    ) -> Result<Self, ExchangeUnreadable> {
        let packed = sealer.open(&context(flow, key), sealed)?;
        let plain = lz4_flex::decompress_size_prepended(&packed).map_err(|_| ExchangeUnreadable::Shape)?;
        serde_json::from_slice(&plain).map_err(|_| ExchangeUnreadable::Shape)
    }
}

fn context(flow: &FlowId, key: &RecordKey) -> Vec<u8> {
    format!("exchange:{flow}:{key}").into_bytes()
}

/// Cuts until the whole is short enough; what was left out is told where it stood. Empty fields go first: they tell least, and the answers
/// of business systems are full of them.
fn shorten(value: &mut Value) {
    for (text, list, depth) in CUTS {
        if size(value) <= PART_LIMIT {
            return;
        }
        cut(value, text, list, depth);
    }
    if size(value) > PART_LIMIT {
        // Thousands of fields side by side: the beginning of its text is all that can be told.
        *value = Value::String(cut_text(&value.to_string(), PART_LIMIT / 4));
    }
}

fn size(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

fn cut(value: &mut Value, text: usize, list: usize, depth: usize) {
    match value {
        Value::String(long) if long.len() > text => *long = cut_text(long, text),
        Value::Array(_) | Value::Object(_) if depth == 0 => *value = Value::String(CUT.to_owned()),
        Value::Array(entries) => {
            let told = entries.last().and_then(Value::as_str).and_then(left_out_of);
            if told.is_some() {
                entries.pop();
            }
            let left_out = entries.len().saturating_sub(list) + told.unwrap_or(0);
            entries.truncate(list);
            entries.iter_mut().for_each(|entry| cut(entry, text, list, depth - 1));
            if left_out > 0 {
                entries.push(Value::String(format!("{CUT} {left_out} more")));
            }
        }
        Value::Object(fields) => {
            let before = fields.len();
            let told = fields.get(CUT).and_then(Value::as_str).and_then(|told| told.split(' ').next()?.parse().ok());
            fields.retain(|name, field| !field.is_null() && name != CUT);
            for name in fields.keys().skip(CUT_FIELDS).cloned().collect::<Vec<_>>() {
                fields.remove(&name);
            }
            // A marker of an earlier, gentler cut counts itself too.
            let left_out = before - fields.len() + told.map_or(0, |told: usize| told.saturating_sub(1));
            fields.values_mut().for_each(|field| cut(field, text, list, depth - 1));
            if left_out > 0 {
                fields.insert(CUT.to_owned(), Value::String(format!("{left_out} more")));
            }
        }
        _ => {}
    }
}

/// How many entries the end of a list says that an earlier cut left out.
fn left_out_of(end: &str) -> Option<usize> {
    end.strip_prefix(CUT)?.strip_suffix(" more")?.trim().parse().ok()
}

fn cut_text(text: &str, bytes: usize) -> String {
    // An earlier, gentler cut has told how long it was.
    let told = text
        .strip_suffix(" bytes)")
        .and_then(|rest| rest.rsplit_once(CUT))
        .and_then(|(text, length)| Some((text, length.strip_prefix(" (")?.parse::<usize>().ok()?)));
    let (text, length) = told.unwrap_or((text, text.len()));
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT} ({length} bytes)", &text[..end])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Xor;

    impl Sealer for Xor {
        fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
            let mut sealed = context.to_vec();
            sealed.push(0);
            sealed.extend(plain.iter().map(|byte| byte ^ 0xa5));
            sealed
        }

        fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
            let rest = sealed.strip_prefix(context).and_then(|rest| rest.strip_prefix(&[0]));
            let rest = rest.ok_or_else(|| SealBroken { reason: "another context".to_owned() })?;
            Ok(rest.iter().map(|byte| byte ^ 0xa5).collect())
        }
    }

    fn exchange(source: Value) -> Exchange {
        Exchange {
            source: Some(source),
            sent: Some(json!({"name": "Acme"})),
            answered: None,
            operation: "companies.batch_upsert".to_owned(),
            status: Some(200),
            target_id: None,
            at: DateTime::UNIX_EPOCH,
            job: None,
        }
    }

    #[test]
    fn an_exchange_comes_back_as_it_was_and_only_for_its_own_record() {
        let (flow, key) = ("a::b".parse().unwrap(), RecordKey::from_text("E:VEND:1"));
        let sealed = exchange(json!({"number": 1})).seal(&Xor, &flow, &key);
        assert_eq!(Exchange::open(&Xor, &flow, &key, &sealed).unwrap(), exchange(json!({"number": 1})));
        let other = RecordKey::from_text("E:VEND:2");
        assert!(matches!(Exchange::open(&Xor, &flow, &other, &sealed), Err(ExchangeUnreadable::Sealed(_))));
    }

    #[test]
    fn a_part_of_any_size_is_cut_to_its_bound_and_says_so() {
        let deep = (0..200).fold(json!("x"), |inner, _| json!([inner, inner_text()]));
        for huge in [
            json!({"name": "ä".repeat(32_768)}),
            json!({"lines": (0..5_000).map(|line| json!({"line": line, "text": "y".repeat(50)})).collect::<Vec<_>>()}),
            json!((0..20_000).map(|n| (n.to_string(), n)).collect::<std::collections::BTreeMap<_, _>>()),
            json!({"quotes": "\"\u{1}".repeat(30_000)}),
            deep,
        ] {
            let mut value = huge;
            shorten(&mut value);
            assert!(size(&value) <= PART_LIMIT, "{}", size(&value));
            assert!(value.to_string().contains(CUT), "{value}");
        }
        assert_eq!(cut_text(&cut_text(&"x".repeat(900), 200), 10), "xxxxxxxxxx… (900 bytes)");
    }

    #[test]
    fn what_stands_at_the_top_of_a_long_answer_outlives_its_lines() {
        let line =
            |number: usize| json!({"sku": format!("P-{number}"), "parent": {"name": "z".repeat(300)}, "empty": null});
        let fields = (0..90).map(|number| (format!("field_{number}"), json!("some text")));
        let mut order: serde_json::Map<String, Value> = fields.collect();
        order.insert("entity_id".to_owned(), json!(7));
        order.insert("items".to_owned(), (0..250).map(line).collect());
        order.insert("nothing".to_owned(), Value::Null);
        let mut value = Value::Object(order);
        shorten(&mut value);
        assert!(size(&value) <= PART_LIMIT);
        assert_eq!(
            (&value["entity_id"], &value["field_89"], &value[CUT]),
            (&json!(7), &json!("some text"), &json!("1 more"))
        );
        let lines = value["items"].as_array().unwrap();
        let told = left_out_of(lines.last().unwrap().as_str().unwrap()).unwrap();
        assert_eq!((told + lines.len() - 1, &lines[0]["sku"]), (250, &json!("P-0")));
    }

    fn inner_text() -> String {
        "z".repeat(400)
    }

    #[test]
    fn a_part_that_fits_is_left_as_it_is() {
        let mut value = json!({"lines": (0..100).collect::<Vec<_>>(), "name": "n".repeat(4_000)});
        let before = value.clone();
        shorten(&mut value);
        assert_eq!(value, before);
    }
}
