//! A web site as people type it, made into an address and a domain.

/// Hosts where many firms have a page: their name is not the firm's domain.
const SHARED_HOSTS: [&str; 10] = [
    "facebook.com",
    "linkedin.com",
    "instagram.com",
    "twitter.com",
    "x.com",
    "youtube.com",
    "tiktok.com",
    "pinterest.com",
    "google.com",
    "linktr.ee",
];

/// A plausible web site.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Website {
    /// The full address with scheme; the host in lower case, the path as typed.
    pub(crate) address: String,
    /// Host without `www.`; `None` where the host is shared by many firms.
    pub(crate) domain: Option<String>,
}

impl Website {
    /// `None` for what cannot be a web site, such as `n/a`, an e-mail address or a bare IP number.
    pub(crate) fn read(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        if typed.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (scheme, rest) = match typed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some(_) => return None,
            None => ("https", typed),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // An `@` is an e-mail address or a login: neither belongs into a web site.
        if authority.contains('@') {
            return None;
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
            None => (authority, None),
        };
        let host = host.trim_end_matches('.').to_lowercase();
        if !is_plausible_host(&host) {
            return None;
        }
        let domain = host.strip_prefix("www.").filter(|rest| is_plausible_host(rest)).unwrap_or(&host);
        let shared = SHARED_HOSTS
            .iter()
            .any(|known| domain.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.')));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = if path == "/" { "" } else { path };
        Some(Self { address: format!("{scheme}://{host}{port}{path}"), domain: (!shared).then(|| domain.to_owned()) })
    }
}

/// At least two labels, each of letters, digits and inner hyphens; the last one has letters only (so no IP numbers)
/// or is an encoded international name.
pub(crate) fn is_plausible_host(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let good_label = |label: &&str| {
        !label.is_empty()
            && label.chars().count() <= 63
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let good_end = |label: &&str| {
        label.chars().count() >= 2 && (label.chars().all(char::is_alphabetic) || label.starts_with("xn--"))
    };
    host.len() <= 253 && labels.len() >= 2 && labels.iter().all(good_label) && labels.last().is_some_and(good_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Option<(String, Option<String>)> {
        Website::read(typed).map(|website| (website.address, website.domain))
    }

    #[test]
    fn a_site_typed_in_any_usual_way_gives_address_and_domain() {
        let noordzee = Some("noordzee.example".to_owned());
        for (typed, address) in [
            ("noordzee.example", "https://noordzee.example"),
            ("WWW.Noordzee.Example/", "https://www.noordzee.example"),
            ("http://www.noordzee.example/Shop?a=B", "http://www.noordzee.example/Shop?a=B"),
            ("HTTPS://noordzee.example:8443/x", "https://noordzee.example:8443/x"),
            ("noordzee.example.", "https://noordzee.example"),
        ] {
            assert_eq!(read(typed), Some((address.to_owned(), noordzee.clone())), "{typed}");
        }
    }

    #[test]
    fn what_is_no_site_gives_nothing() {
        for typed in [
            "n/a",
            "none",
            "-",
            "see mail",
            "info@noordzee.example",
            "192.168.1.7",
            "ftp://a.example",
            "http://",
            "a..b",
            "x.1",
            ".com",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_page_on_a_shared_host_gives_no_domain() {
        let (address, domain) = read("www.facebook.com/noordzee").unwrap_or_default();
        assert_eq!(address, "https://www.facebook.com/noordzee");
        assert_eq!(domain, None);
        assert_eq!(read("notfacebook.com").and_then(|site| site.1), Some("notfacebook.com".to_owned()));
    }
}
