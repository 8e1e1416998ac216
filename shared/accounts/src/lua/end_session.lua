#!lua flags=allow-oom
-- Ends a session. A script and no transaction: a full Redis takes none, not even one that only deletes.
-- KEYS session, sessions of the account · ARGV digest
-- Returns 1, or 0 when there was none.
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
