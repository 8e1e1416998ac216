//! Whether a text can be one e-mail address.

use crate::website::is_plausible_host;

/// Longest part before the `@`, and longest address. Source: RFC 5321, 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_ADDRESS: usize = 254;

/// Why a text is not one e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmailProblem {
    /// Two or more addresses in one field.
    Several,
    /// Anything else.
    Malformed,
}

/// The address in lower case, as HubSpot stores it.
pub(crate) fn email(typed: &str) -> Result<String, EmailProblem> {
    let typed = typed.trim();
    if typed.matches('@').count() > 1 && typed.contains([';', ',', ' ', '/', '|', '\n']) {
        return Err(EmailProblem::Several);
    }
    let (local, host) = typed.rsplit_once('@').ok_or(EmailProblem::Malformed)?;
    let good_local = !local.is_empty()
        && local.len() <= LONGEST_LOCAL
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    if good_local && typed.len() <= LONGEST_ADDRESS && is_plausible_host(host) {
        Ok(typed.to_lowercase())
    } else {
        Err(EmailProblem::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_pass_in_lower_case() {
        assert_eq!(email(" Lena.V@Noordzee.Example "), Ok("lena.v@noordzee.example".to_owned()));
        assert_eq!(email("a+b'c@x-y.co.uk"), Ok("a+b'c@x-y.co.uk".to_owned()));
    }

    #[test]
    fn what_is_not_one_address_is_refused() {
        for typed in [
            "lena",
            "lena@",
            "@x.example",
            "lena@x",
            "le na@x.example",
            "lena@@x.example",
            "a.@x.example",
            "<a@x.example>",
            "a@x..example",
        ] {
            assert_eq!(email(typed), Err(EmailProblem::Malformed), "{typed}");
        }
        assert_eq!(email("a@x.example; b@x.example"), Err(EmailProblem::Several));
    }
}
