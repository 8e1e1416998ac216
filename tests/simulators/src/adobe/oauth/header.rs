//! Reading the `Authorization` header the shop's way.

use super::base_string::decode;

/// The `oauth_` fields of a header that starts with `OAuth `, in any case; `None` for any other header.
pub(super) fn fields(authorization: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case("oauth ") {
        return None;
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    for pair in rest.split(',') {
        let Some((name, value)) = pair.trim().split_once('=') else {
            continue;
        };
        let name = decode(name);
        // `realm` and whatever else is not OAuth's takes no part.
        if name.starts_with("oauth_") {
            fields.retain(|(known, _)| *known != name);
            fields.push((name, decode(value.trim_matches('"'))));
        }
    }
    Some(fields)
}

/// The token of a `Bearer` header.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
