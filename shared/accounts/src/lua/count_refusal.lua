#!lua flags=allow-oom
-- Counts the refused logins of an hour, which begins with the first.
-- KEYS counter · ARGV hour in ms
-- Returns how many there are, with this one.
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n
