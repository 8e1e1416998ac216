//! Where a process offers its pages.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// An address to listen at, or none. Written as `"127.0.0.1:9464"` (port 0 = any free one) or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// No server.
    Off,
    /// Listens there.
    At(SocketAddr),
}

impl Listen {
    /// The address, where there is one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }

    pub(crate) const fn loopback(port: u16) -> Self {
        Self::At(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port))
    }
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            format!(
                "`{}` is not an address such as \"127.0.0.1:9464\", nor \"off\"",
                text.chars().take(60).collect::<String>()
            )
        })
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}
