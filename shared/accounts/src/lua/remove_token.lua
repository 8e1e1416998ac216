#!lua flags=allow-oom
-- Removes a token by its name.
-- KEYS tokens, names of tokens, uses · ARGV `<owner>/<name>`
-- Returns what it allowed (JSON), or nothing.
local digest = redis.call('HGET', KEYS[2], ARGV[1])
if not digest then return false end
local json = redis.call('HGET', KEYS[1], digest)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], digest)
redis.call('HDEL', KEYS[3], digest)
return json or ''
