-- Stores a token under a name that its owner does not use yet.
-- KEYS tokens, names of tokens · ARGV digest, `<owner>/<name>`, what it allows (JSON), most tokens
-- Returns `done`, `taken` or `full`.
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
if redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[1]) == 0 then return 'taken' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 'done'
