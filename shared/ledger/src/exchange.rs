//! What was said about one record when it was last pushed: read, sent, answered.

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, JobId, RecordKey, SealBroken, Sealer, TargetId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest part as JSON, in bytes. Longer ones are cut, visibly.
const PART_LIMIT: usize = 8 * 1024;
/// Longest text, and most entries of a list, inside a part that has to be cut, at first; halved until it fits.
const CUT_TEXT: usize = 2_048;
const CUT_LIST: usize = 64;
/// Key of what tells that entries of an object or a list were left out.
const CUT: &str = "…";
/// Deepest nesting that is kept when a part has to be cut.
const CUT_DEPTH: usize = 12;

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

/// Cuts texts and lists until the whole is short enough; what was left out is told where it stood.
fn shorten(value: &mut Value) {
    let (mut text, mut list) = (CUT_TEXT, CUT_LIST);
    while size(value) > PART_LIMIT {
        cut(value, text, list, CUT_DEPTH);
        if text <= 16 {
            // Thousands of short entries at many levels: the beginning of its text is all that can be told.
            if size(value) > PART_LIMIT {
                *value = Value::String(cut_text(&value.to_string(), PART_LIMIT / 2));
            }
            return;
        }
        (text, list) = (text / 2, (list / 2).max(1));
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
            let left_out = entries.len().saturating_sub(list);
            entries.truncate(list);
            entries.iter_mut().for_each(|entry| cut(entry, text, list, depth - 1));
            if left_out > 0 {
                entries.push(Value::String(format!("{CUT} {left_out} more")));
            }
        }
        Value::Object(fields) => {
            // Objects are told apart by their fields: four times as many of them stay.
            let left_out: Vec<String> = fields.keys().skip(list * 4).cloned().collect();
            for name in &left_out {
                fields.remove(name);
            }
            fields.values_mut().for_each(|field| cut(field, text, list, depth - 1));
            if !left_out.is_empty() {
                fields.insert(CUT.to_owned(), Value::String(format!("{} more", left_out.len())));
            }
        }
        _ => {}
    }
}

fn cut_text(text: &str, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT} ({} bytes)", &text[..end], text.len())
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
