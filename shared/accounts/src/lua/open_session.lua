#!lua flags=allow-oom
-- Begins a session, and ends the oldest of the account when it has too many.
-- A full Redis takes it all the same: somebody has to come in and make room.
-- KEYS session, sessions of the account · ARGV digest, name, epoch, browser, now, idle ms, greatest age ms, most, prefix of sessions
local digest, now = ARGV[1], tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'epoch', ARGV[3], 'agent', ARGV[4], 'at', now, 'seen', now)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], now, digest)
redis.call('PEXPIRE', KEYS[2], ARGV[7])
-- One comes, so one goes at most.
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[8]) then
  local oldest = redis.call('ZPOPMIN', KEYS[2])
  redis.call('DEL', ARGV[9] .. oldest[1])
end
return 1
