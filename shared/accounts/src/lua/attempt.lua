#!lua flags=allow-oom
-- Counts an attempt before it is looked at, so that many at the same time are not one; or refuses it while one of its keys is
-- locked. It counts as failed until `succeed.lua` takes it back. A full Redis takes these small counters all the same: guessing must
-- not become free then. How fast they come is bounded by how fast passwords are hashed.
-- KEYS tries (HASH `n`, `until`), one per thing that attempts have in common
-- ARGV now, memory ms, then per key: attempts from which on it is locked, first lock ms, longest lock ms
-- Returns 1, number of the locked key, until when; or 0, and per key until when it is locked now (0 = not).
local now, memory = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, #KEYS do
  local longest = tonumber(ARGV[i * 3 + 2])
  local locked = tonumber(redis.call('HGET', KEYS[i], 'until') or '0')
  -- A lock further away than the longest one was written by a clock that went wrong.
  if locked > now and locked <= now + longest then return {1, i, locked} end
end
local result = {0}
for i = 1, #KEYS do
  local from, first, longest = tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1]), tonumber(ARGV[i * 3 + 2])
  local n = redis.call('HINCRBY', KEYS[i], 'n', 1)
  local locked = 0
  if n >= from then locked = now + math.min(longest, first * 2 ^ math.min(n - from, 20)) end
  redis.call('HSET', KEYS[i], 'until', string.format('%.0f', locked))
  redis.call('PEXPIRE', KEYS[i], memory)
  result[#result + 1] = locked
end
return result
