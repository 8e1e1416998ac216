//! Countries as people write them, as the two letters that the shop takes.

/// Names in daily use that the standard does not have.
const USUAL: [(&str, &str); 22] = [
    ("america", "US"),
    ("united states", "US"),
    ("uk", "GB"),
    ("united kingdom", "GB"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northern ireland", "GB"),
    ("holland", "NL"),
    ("czech republic", "CZ"),
    ("russia", "RU"),
    ("south korea", "KR"),
    ("north korea", "KP"),
    ("vietnam", "VN"),
    ("taiwan", "TW"),
    ("turkey", "TR"),
    ("moldova", "MD"),
    ("bolivia", "BO"),
    ("tanzania", "TZ"),
    ("hong kong sar", "HK"),
    ("ivory coast", "CI"),
];

/// The two-letter code of a country written as such, as three letters, as the standard's number, or by its English name.
/// `None` for anything else: a guess would put a supplier into another country.
pub(crate) fn country_code(written: &str) -> Option<String> {
    let typed = written.trim();
    let upper = typed.to_uppercase();
    let by_code = match upper.len() {
        2 => rust_iso3166::from_alpha2(&upper),
        3 => rust_iso3166::from_alpha3(&upper).or_else(|| rust_iso3166::from_numeric_str(&upper)),
        _ => None,
    };
    if let Some(country) = by_code {
        return Some(country.alpha2.to_owned());
    }
    let name = plain(typed);
    if name.is_empty() {
        return None;
    }
    if let Some((_, code)) = USUAL.iter().find(|(usual, _)| *usual == name) {
        return Some((*code).to_owned());
    }
    rust_iso3166::ALL.iter().find(|country| plain(country.name) == name).map(|country| country.alpha2.to_owned())
}

/// A name without case, dots, articles and what stands in brackets: `U.S.A.` is `usa`, `Netherlands (Kingdom of the)` is `netherlands`.
fn plain(name: &str) -> String {
    let bare = name.split('(').next().unwrap_or_default().to_lowercase().replace('.', "");
    let words: Vec<&str> =
        bare.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let words = match words.as_slice() {
        ["the", rest @ ..] | [rest @ .., "the"] => rest,
        all => all,
    };
    let joined = words.join(" ");
    match joined.as_str() {
        "us" | "usa" | "us of america" | "united states of america" => "united states".to_owned(),
        _ => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_numbers_and_usual_names_become_two_letters() {
        for (written, code) in [
            ("US", "US"),
            (" usa ", "US"),
            ("U.S.A.", "US"),
            ("United States", "US"),
            ("The United States of America", "US"),
            ("840", "US"),
            ("UK", "GB"),
            ("United Kingdom", "GB"),
            ("Germany", "DE"),
            ("DEU", "DE"),
            ("Netherlands", "NL"),
            ("The Netherlands", "NL"),
            ("South Korea", "KR"),
            ("Czech Republic", "CZ"),
            ("Belgium", "BE"),
            ("Viet Nam", "VN"),
            ("Türkiye", "TR"),
            ("Côte d'Ivoire", "CI"),
            ("China", "CN"),
        ] {
            assert_eq!(country_code(written).as_deref(), Some(code), "{written}");
        }
    }

    #[test]
    fn what_names_no_country_has_no_code() {
        for written in ["", "  ", "XX", "ZZZ", "Belgum", "EU", "Bavaria", "-", "🚀"] {
            assert_eq!(country_code(written), None, "{written}");
        }
    }
}
