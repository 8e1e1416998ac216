//! Headers of a delivery.

/// The headers that came, without regard to case.
#[derive(Debug, Clone, Default)]
pub struct DeliveryHeaders(Vec<(String, String)>);

impl DeliveryHeaders {
    /// From pairs of any HTTP library. Values that are no text are left out by the caller.
    pub fn new<N: AsRef<str>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into())).collect())
    }

    /// A header's value, trimmed. A header that comes twice is as good as none: nobody knows which one was checked.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_comes_twice_is_as_good_as_none() {
        let headers = DeliveryHeaders::new([("X-One", "1"), ("x-two", "1"), ("X-Two", "2")]);
        assert_eq!(headers.get("x-one"), Some("1"));
        assert_eq!(headers.get("x-two"), None);
    }
}
