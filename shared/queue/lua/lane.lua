-- lane: switches of one lane. KEYS[1] prefix. ARGV: verb · lane · value.
-- Verbs: pause, hold (value = who, why, when), unpause and release (end one of them), resume (ends both), cap (value = number,
-- or empty for none).
-- Result: 1 when something changed.
local verb, lane, value = take(), take(), take()
local changed = 0
if verb == 'pause' then
  changed = call('HSET', PAUSED, lane, value)
  call('ZREM', ACTIVE, lane)
elseif verb == 'hold' then
  changed = call('HSETNX', HELD, lane, value)
  call('ZREM', ACTIVE, lane)
elseif verb == 'unpause' then
  changed = call('HDEL', PAUSED, lane)
elseif verb == 'release' then
  changed = call('HDEL', HELD, lane)
elseif verb == 'resume' then
  changed = call('HDEL', PAUSED, lane) + call('HDEL', HELD, lane)
elseif verb == 'cap' then
  if value == '' then changed = call('HDEL', CAPS, lane) else call('HSET', CAPS, lane, value); changed = 1 end
end
if verb ~= 'pause' and verb ~= 'hold' and has_ready(lane)
  and call('HEXISTS', PAUSED, lane) + call('HEXISTS', HELD, lane) == 0 then
  activate(lane)
  wake()
end
return changed
