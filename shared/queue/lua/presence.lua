-- presence: a worker says that it lives, or goodbye. KEYS[1] prefix. ARGV: id · facts, or empty for goodbye.
-- Forgets, a bounded number a call, workers that gave no sign of life for long. Result: now ms.
local FORGET_MS = 60000  -- four times as long as a worker counts as living
local FORGET_MAX = 100

local id, facts = take(), take()
local gone = call('ZRANGE', WORKERS, '-inf', NOW - FORGET_MS, 'BYSCORE', 'LIMIT', 0, FORGET_MAX)
if facts == '' then gone[#gone + 1] = id end
if #gone > 0 then
  call('ZREM', WORKERS, unpack(gone))
  call('HDEL', WORKER_FACTS, unpack(gone))
end
if facts ~= '' then
  call('ZADD', WORKERS, NOW, id)
  call('HSET', WORKER_FACTS, id, facts)
end
return NOW
