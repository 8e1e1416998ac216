//! The Lua scripts, one per verb, and how one is called.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisError, Script, ServerErrorKind, Value, aio::ConnectionLike};

use crate::keys::Keys;

const SHARED: &str = include_str!("../lua/shared.lua");

/// A script, known to Redis by its hash.
pub(crate) struct Verb(Script);

/// A full Redis carries these out all the same: they free memory, or stop what takes it, and store a bounded little.
const ALSO_WHEN_FULL: &str = "#!lua flags=allow-oom";

macro_rules! verb {
    ($(#[$doc:meta])* $name:ident also when full, $($part:expr),+) => {
        $(#[$doc])*
        pub(crate) static $name: LazyLock<Verb> =
            LazyLock::new(|| Verb(Script::new(&[ALSO_WHEN_FULL, SHARED, $($part),+].join("\n"))));
    };
    ($(#[$doc:meta])* $name:ident, $($part:expr),+) => {
        $(#[$doc])*
        pub(crate) static $name: LazyLock<Verb> =
            LazyLock::new(|| Verb(Script::new(&[SHARED, $($part),+].join("\n"))));
    };
}

verb!(ENQUEUE, include_str!("../lua/enqueue.lua"));
verb!(
    /// Finish and claim in one step.
    TURN,
    include_str!("../lua/finish.lua"),
    include_str!("../lua/claim.lua"),
    include_str!("../lua/turn.lua")
);
verb!(EXTEND, include_str!("../lua/extend.lua"));
verb!(REPLAY also when full, include_str!("../lua/put_back.lua"), include_str!("../lua/replay.lua"));
verb!(DISCARD also when full, include_str!("../lua/discard.lua"));
verb!(
    /// Looking along the shelf.
    LOOK,
    include_str!("../lua/rank.lua"),
    include_str!("../lua/look.lua")
);
verb!(
    /// Going on along the jobs that wait.
    WALK,
    include_str!("../lua/rank.lua"),
    include_str!("../lua/walk.lua")
);
verb!(BULK_START also when full, include_str!("../lua/bulk_start.lua"));
verb!(BULK_SWITCH also when full, include_str!("../lua/bulk_switch.lua"));
verb!(
    /// For replay too: a letter in its lane takes less than one on the shelf, whose reason goes.
    BULK_STEP also when full,
    include_str!("../lua/put_back.lua"),
    include_str!("../lua/bulk_step.lua")
);
verb!(EDITABLE, include_str!("../lua/editable.lua"));
verb!(EDIT, include_str!("../lua/edit.lua"));
verb!(TRIAGE, include_str!("../lua/triage.lua"));
verb!(LANE also when full, include_str!("../lua/lane.lua"));
verb!(PRESENCE, include_str!("../lua/presence.lua"));

/// Those that a queue makes known to Redis when it opens.
pub(crate) fn all() -> impl Iterator<Item = &'static Verb> {
    let often: [&'static LazyLock<Verb>; 6] = [&ENQUEUE, &TURN, &EXTEND, &REPLAY, &DISCARD, &LANE];
    let seldom: [&'static LazyLock<Verb>; 9] =
        [&PRESENCE, &LOOK, &WALK, &BULK_START, &BULK_SWITCH, &BULK_STEP, &EDITABLE, &EDIT, &TRIAGE];
    often.into_iter().chain(seldom).map(|verb| &**verb)
}

impl Verb {
    /// The start of a call; the caller adds the arguments.
    pub(crate) fn command(&self, keys: &Keys, arguments: usize, bytes: usize) -> Cmd {
        let mut command = Cmd::with_capacity(arguments + 4, bytes + 128);
        command.arg("EVALSHA").arg(self.0.get_hash()).arg(1).arg(keys.prefix());
        command
    }

    /// Makes the script known to the server.
    pub(crate) async fn load(&self, connection: &mut (impl ConnectionLike + Send)) -> Result<(), RedisError> {
        self.0.prepare_invoke().load_async(connection).await.map(drop)
    }

    /// Calls, and loads the script first where the server does not know it (any more).
    pub(crate) async fn call(
        &self,
        connection: &mut (impl ConnectionLike + Send),
        command: &Cmd,
    ) -> Result<Value, RedisError> {
        match command.query_async(connection).await {
            Err(error) if is_unknown_script(&error) => {
                self.load(connection).await?;
                command.query_async(connection).await
            }
            answer => answer,
        }
    }
}

pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Reading of answers that may be arrays of arrays.
pub(crate) mod answer {
    use redis::Value;

    use crate::QueueError;

    pub(crate) fn unexpected(value: &Value) -> QueueError {
        // The kind only: the value may hold payloads.
        let kind = match value {
            Value::Nil => "nil",
            Value::Int(_) => "a number",
            Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a text",
            Value::Array(_) => "an array of another shape",
            _ => "another type",
        };
        QueueError::Answer(kind.to_owned())
    }

    pub(crate) fn array(value: Value) -> Result<Vec<Value>, QueueError> {
        match value {
            Value::Array(items) => Ok(items),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn int(value: &Value) -> Result<i64, QueueError> {
        match value {
            Value::Int(n) => Ok(*n),
            Value::BulkString(bytes) => {
                std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(|| unexpected(value))
            }
            other => Err(unexpected(other)),
        }
    }

    pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
        match value {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn text(value: Value) -> Result<String, QueueError> {
        match value {
            Value::BulkString(bytes) => {
                String::from_utf8(bytes).map_err(|_| QueueError::Answer("a text that is not UTF-8".to_owned()))
            }
            Value::SimpleString(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn texts(value: Value) -> Result<Vec<String>, QueueError> {
        array(value)?.into_iter().map(text).collect()
    }
}
