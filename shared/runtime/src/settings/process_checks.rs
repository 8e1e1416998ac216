//! What must hold for the sections of the processes: redis, log, the pages they offer and the files they open.

use std::{fs::File, path::Path};

use redis::IntoConnectionInfo as _;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Listen, Settings, reading::Reading};

const REDIS_FIX: &str = "use redis://host:port/db or unix:///path";
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub(super) fn check_redis(url: &str, reading: &mut Reading<'_>) {
    let at = ["redis", "url"];
    let from_environment = reading.is_from_environment(&at);
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(error) => return reading.wrong(&at, error.to_string(), REDIS_FIX),
    };
    let unix = matches!(parsed.scheme(), "unix" | "redis+unix");
    if parsed.scheme() == "rediss" {
        let fix = "use a private network, a tunnel or a socket";
        return reading.wrong(&at, "TLS to Redis is not part of this build", fix);
    }
    if !unix && !matches!(parsed.scheme(), "redis" | "valkey") {
        return reading.wrong(&at, "is not an address of Redis", REDIS_FIX);
    }
    // Only addresses of sockets take a password in the query; elsewhere it would be passed over in silence.
    let in_query = parsed.query_pairs().any(|(name, _)| {
        let taken = unix && name == "pass" && from_environment;
        name.to_lowercase().contains("pass") && !taken
    });
    if in_query || (parsed.password().is_some() && !from_environment) {
        return reading.wrong(&at, "holds a password", "set it in the environment as MLC_REDIS_PASSWORD");
    }
    if let Err(error) = url.into_connection_info() {
        // Behind the dash stands the name of the error's kind.
        let error = error.to_string().to_lowercase();
        let problem = error.split(" - ").next().unwrap_or_default();
        reading.wrong(&at, format!("is not an address of Redis: {problem}"), REDIS_FIX);
    }
}

/// A bare word is taken for the name of a module, which would silence everything else: a slip in a level looks the same.
pub(super) fn check_level(level: &str, reading: &mut Reading<'_>) {
    let at = ["log", "level"];
    let fix = "use error, warn, info, debug, trace or off, or a filter such as \"info,mlc_queue=debug\"";
    let is_level = |word: &str| LEVELS.contains(&word.to_lowercase().as_str());
    let bare = |part: &&str| part.chars().all(|c| c.is_alphanumeric() || "_-: ".contains(c));
    let stranger = level.split(',').map(str::trim).filter(bare).find(|part| !is_level(part));
    if let Some(word) = stranger {
        let word: String = word.chars().take(40).collect();
        reading.wrong(&at, format!("`{word}` is not a level"), fix);
    } else if let Err(error) = EnvFilter::try_new(level) {
        reading.wrong(&at, error.to_string(), fix);
    }
}

/// One port for two servers lets the second one fail.
pub(super) fn check_ports(settings: &Settings, reading: &mut Reading<'_>) {
    let mut servers = vec![
        (["producer", "listen"], settings.producer.listen),
        (["worker", "listen"], settings.worker.listen),
        (["console", "listen"], settings.console.listen),
    ];
    // Without an endpoint nobody listens there.
    if settings
        .connections
        .values()
        .any(|connection| connection.as_adobe().is_some_and(|adobe| adobe.webhook.is_some()))
    {
        servers.push((["producer", "webhooks"], settings.producer.webhooks));
    }
    for (place, (key, listen)) in servers.iter().enumerate() {
        for (other_key, other) in &servers[..place] {
            let (Listen::At(one), Listen::At(two)) = (listen, other) else { continue };
            let meet = one.ip() == two.ip() || one.ip().is_unspecified() || two.ip().is_unspecified();
            if one.port() == 0 || one.port() != two.port() || !meet {
                continue;
            }
            // What the environment sets is meant for one process alone.
            let excused = reading.is_from_environment(key) || reading.is_from_environment(other_key);
            if key[0] != other_key[0] && excused {
                continue;
            }
            let (at, peer) = if reading.is_set(key) { (key, other_key) } else { (other_key, key) };
            let problem = format!("is the port of `{}` too", peer.join("."));
            reading.wrong(at, problem, "choose another port, or port 0 for any free one");
        }
    }
}

/// Whether a file that is named can be opened by this user.
pub(super) fn check_file(path: &[&str], file: &Path, reading: &mut Reading<'_>) {
    let problem = match File::open(file).and_then(|file| file.metadata()) {
        Ok(found) if found.is_dir() => "is a folder, not a file".to_owned(),
        Ok(_) => return,
        Err(error) => format!("{} cannot be opened: {error}", file.display()),
    };
    reading.wrong(path, problem, "name a file that this user can read, or remove the line");
}
