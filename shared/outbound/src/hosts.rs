//! Which hosts a connection may talk to.

use mlc_model::{Fault, FaultKind, System};
use url::{Host, Url};

use crate::DoorError;

/// The base address and the hosts that requests may go to. Everything else never leaves the process.
#[derive(Debug, Clone)]
pub(crate) struct AllowedHosts {
    base: Url,
    hosts: Vec<String>,
}

impl AllowedHosts {
    /// # Errors
    /// A base address that is no URL, holds a user or a query, or is plain http to another machine.
    pub(crate) fn new(base_url: &str, more: &[String]) -> Result<Self, DoorError> {
        let base = Url::parse(base_url.trim_end_matches('/'))
            .map_err(|problem| DoorError::BaseUrl { problem: problem.to_string() })?;
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(DoorError::BaseUrl { problem: "it must hold neither a user nor a query".to_owned() });
        }
        let Some(host) = base.host_str() else {
            return Err(DoorError::BaseUrl { problem: "it names no host".to_owned() });
        };
        if !is_safe_scheme(&base) {
            return Err(DoorError::InsecureBaseUrl { host: host.to_owned() });
        }
        let mut hosts = vec![host.to_ascii_lowercase()];
        hosts.extend(more.iter().map(|host| host.trim().to_ascii_lowercase()));
        Ok(Self { base, hosts })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Address of a path below the base.
    pub(crate) fn below_base(&self, system: System, operation: &str, path_and_query: &str) -> Result<Url, Fault> {
        let wrong = |problem: &str| {
            Fault::new(FaultKind::Defect, system, operation, format!("the request's path is wrong: {problem}"))
                .with_code("request.url")
        };
        if !path_and_query.starts_with('/') {
            return Err(wrong("it does not begin with a slash"));
        }
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{path_and_query}")).map_err(|problem| wrong(&problem.to_string()))?;
        // `..` and `/@host/` tricks with values from records end here.
        let prefix = self.base.path().trim_end_matches('/');
        let inside = url.path() == prefix || url.path().strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        if url.origin() != self.base.origin() || !inside {
            return Err(wrong("it leads out of the base address"));
        }
        Ok(url)
    }

    /// An absolute address, if its host is on the list.
    pub(crate) fn absolute(&self, system: System, operation: &str, url: &str) -> Result<Url, Fault> {
        let refuse = |code: &str, problem: String| {
            Fault::new(FaultKind::Defect, system, operation, problem).with_code(code.to_owned())
        };
        let url = Url::parse(url)
            .map_err(|problem| refuse("request.url", format!("the request's address is wrong: {problem}")))?;
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if !self.hosts.contains(&host) {
            return Err(refuse("request.host", format!("host {host} is not on the connection's list of hosts")));
        }
        if !is_safe_scheme(&url) || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("request.host", format!("host {host} may only be reached by https")));
        }
        Ok(url)
    }
}

/// Whether the address stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether what is sent there cannot be read on the way.
pub(crate) fn is_safe_scheme(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn hosts() -> AllowedHosts {
        AllowedHosts::new("https://erp.example/live/api/", &["login.example".to_owned()]).unwrap()
    }

    #[test]
    fn a_path_is_appended_to_the_base_path() {
        let url = hosts().below_base(System::Epicor, "x", "/v2/odata?a=%20b").unwrap();
        assert_eq!(url.as_str(), "https://erp.example/live/api/v2/odata?a=%20b");
    }

    #[test]
    fn a_path_cannot_leave_the_base() {
        for path in ["/../../other", "@evil.example/x", "v2"] {
            let fault = hosts().below_base(System::Epicor, "x", path).unwrap_err();
            assert_eq!(fault.code.as_deref(), Some("request.url"), "{path}");
        }
    }

    #[test]
    fn only_listed_hosts_are_reached_and_only_by_https() {
        assert!(hosts().absolute(System::Epicor, "x", "https://login.example/token").is_ok());
        for url in ["https://evil.example/", "http://login.example/", "https://u:p@login.example/", "nonsense"] {
            assert!(hosts().absolute(System::Epicor, "x", url).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(AllowedHosts::new("http://127.0.0.1:8080", &[]).is_ok());
        assert!(AllowedHosts::new("http://[::1]:8080", &[]).is_ok());
        assert!(AllowedHosts::new("http://erp.example", &[]).is_err());
        assert!(AllowedHosts::new("https://user:pw@erp.example", &[]).is_err());
    }
}
