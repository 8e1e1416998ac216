//! How single values are packed for the scripts and read back. See `lua/row.lua` and `lua/audit.lua`.

use mlc_model::{TargetId, Version};

use crate::LedgerError;

const SIGN: u64 = 1 << 63;

/// Signed 64 bits so that the order of the bytes is the order of the numbers.
pub(crate) fn pack_i64(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ SIGN).to_be_bytes()
}

pub(crate) fn unpack_i64(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ SIGN).cast_signed()
}

/// Eight zero bytes mean "none", which is the place of `i64::MIN`: no source gives that, and it loses to every other.
pub(crate) fn unpack_version(bytes: [u8; 8]) -> Option<Version> {
    (bytes != [0; 8]).then(|| Version(unpack_i64(bytes)))
}

/// A target id as the scripts take it: `n` and 8 bytes when it is a plain decimal number (HubSpot's are), else `t` and
/// its text.
pub(crate) fn tag_target(id: Option<&TargetId>) -> Vec<u8> {
    let Some(id) = id else { return Vec::new() };
    match id.as_str().parse::<u64>() {
        // `007` and `+7` are numbers too, but would not come back as they were.
        Ok(number) if number.to_string() == id.as_str() => {
            let mut tagged = vec![b'n'];
            tagged.extend(number.to_be_bytes());
            tagged
        }
        _ => [b"t", id.as_str().as_bytes()].concat(),
    }
}

pub(crate) fn numeric_target(bytes: [u8; 8]) -> Result<TargetId, LedgerError> {
    text_target(&u64::from_be_bytes(bytes).to_string())
}

pub(crate) fn text_target(text: &str) -> Result<TargetId, LedgerError> {
    TargetId::parse(text).map_err(|_| LedgerError::unreadable("target id", "not visible ASCII"))
}

/// Reads packed bytes from front to back.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    pub(crate) fn slice(&mut self, length: usize) -> Result<&'a [u8], LedgerError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| LedgerError::unreadable(self.what, "it is shorter than it should be"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], LedgerError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.slice(N)?);
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, LedgerError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn length(&mut self) -> Result<usize, LedgerError> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    pub(crate) fn text(&mut self, length: usize) -> Result<&'a str, LedgerError> {
        let what = self.what;
        std::str::from_utf8(self.slice(length)?).map_err(|_| LedgerError::unreadable(what, "a text is not UTF-8"))
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn packed_numbers_sort_as_numbers_do() {
        let numbers = [i64::MIN, -2, -1, 0, 1, (1 << 53) + 1, (1 << 53) + 2, i64::MAX];
        for pair in numbers.windows(2) {
            assert!(pack_i64(pair[0]) < pack_i64(pair[1]));
        }
        assert!(numbers.iter().all(|n| unpack_i64(pack_i64(*n)) == *n));
    }

    #[test]
    fn only_a_number_that_comes_back_unchanged_is_packed_as_one() {
        for (text, tag) in [("19033410077", b'n'), ("007", b't'), ("+7", b't'), ("abc", b't')] {
            assert_eq!(tag_target(Some(&TargetId::parse(text).unwrap()))[0], tag);
        }
        assert_eq!(numeric_target(19_033_410_077_u64.to_be_bytes()).unwrap().as_str(), "19033410077");
    }
}
