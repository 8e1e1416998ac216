//! Job ids that sort in the order of enqueuing.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use mlc_model::JobId;

/// Crockford's base 32: no letter that could be mistaken for a digit.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Ids made in the same millisecond by one process.
const PER_MS_BITS: u32 = 20;

static LAST: AtomicU64 = AtomicU64::new(0);
/// Tells processes apart: 30 random bits.
static PROCESS: LazyLock<u64> = LazyLock::new(|| u64::from(rand::random::<u32>() >> 2));

/// A new id: 13 digits of a stamp that only grows inside the process, 6 digits of the process.
pub(crate) fn next(now_ms: i64) -> JobId {
    let floor = u64::try_from(now_ms).unwrap_or(0) << PER_MS_BITS;
    let mut last = LAST.load(Ordering::Relaxed);
    let stamp = loop {
        let next = floor.max(last + 1);
        match LAST.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break next,
            Err(seen) => last = seen,
        }
    };
    let mut text = String::with_capacity(19);
    push_digits(&mut text, stamp, 13);
    push_digits(&mut text, *PROCESS, 6);
    JobId::parse(&text).expect("base 32 digits are visible ASCII")
}

fn push_digits(text: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (value >> (5 * place)) & 31;
        text.push(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_differ_and_sort_in_order() {
        let ids: Vec<String> = (0..5000).map(|_| String::from(next(1_763_800_000_000))).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.len() == 19));
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_id_twice() {
        let before = String::from(next(1_763_900_000_000));
        let after = String::from(next(1_763_800_000_000));
        assert!(after > before);
    }
}
