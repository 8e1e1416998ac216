-- Keeps the last exchange of records, and drops those of the records that were longest untouched.
-- KEYS    exchanges (HASH record key -> sealed), their order (ZSET record key by number), counters of the flow (HASH)
-- ARGV    most records kept, then per record: key, sealed
-- result  how many were dropped
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  -- A number and no time: what came later counts as newer, whatever a clock says.
  redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[3], 'exchanges', 1), ARGV[at])
end
-- One call adds few; more are left only after the limit was lowered, and go a part at a time.
local excess = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
local dropped = 0
while dropped < excess and dropped < 256 do
  local oldest = redis.call('ZPOPMIN', KEYS[2])
  if #oldest == 0 then break end
  redis.call('HDEL', KEYS[1], oldest[1])
  dropped = dropped + 1
end
return dropped
