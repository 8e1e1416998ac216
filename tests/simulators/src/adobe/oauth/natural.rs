//! PHP's `strnatcmp`: digits compare by value, everything else by byte.

use std::cmp::Ordering;

/// Compares as PHP's `strnatcmp` does.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (a, b) = (left.as_bytes(), right.as_bytes());
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    let (mut i, mut j) = (leading_zeros(a), leading_zeros(b));
    loop {
        while a.get(i).is_some_and(u8::is_ascii_whitespace) {
            i += 1;
        }
        while b.get(j).is_some_and(u8::is_ascii_whitespace) {
            j += 1;
        }
        let digits = |text: &[u8], at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        if digits(a, i) && digits(b, j) {
            // A run that starts with a zero counts as the digits behind a decimal point.
            let fraction = a[i] == b'0' || b[j] == b'0';
            let (run_a, run_b) = (run(&a[i..]), run(&b[j..]));
            let order = if fraction { run_a.cmp(run_b) } else { run_a.len().cmp(&run_b.len()).then(run_a.cmp(run_b)) };
            if order.is_ne() {
                return order;
            }
            i += run_a.len();
            j += run_b.len();
            if i >= a.len() || j >= b.len() {
                return (a.len() - i).cmp(&(b.len() - j));
            }
        }
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => {
                i += 1;
                j += 1;
            }
            (x, y) => return x.cmp(&y),
        }
        if i >= a.len() || j >= b.len() {
            return (a.len() - i.min(a.len())).cmp(&(b.len() - j.min(b.len())));
        }
    }
}

fn run(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

/// Zeros at the very start that are followed by another digit do not count.
fn leading_zeros(text: &[u8]) -> usize {
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    if text.get(zeros).is_some_and(u8::is_ascii_digit) { zeros } else { zeros.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn numbers_compare_by_value_and_the_rest_by_byte() {
        assert!(compare("a%5B2%5D", "a%5B10%5D").is_lt());
        assert!(compare("a%5B10%5D", "a%5B10%5D%5Bfield%5D").is_lt());
        assert!(compare("a%5B00%5D", "a%5B01%5D").is_lt());
        assert!(compare("oauth_nonce", "fields").is_gt());
        assert!(compare("x", "x").is_eq());
    }
}
