-- bulk_switch: a person stops or goes on with an operation. KEYS[1] prefix. ARGV: id · pause, resume or abort · by.
-- Result: 1 when its state changed.
local id, verb, by = take(), take(), take()
local key = P .. 'bulk:' .. id
local state = call('HGET', key, 'state')
if verb == 'pause' and state == 'running' then
  call('HSET', key, 'state', 'paused', 'switched_by', by)
elseif verb == 'resume' and state == 'paused' then
  -- What was not used while it stood still is not made up for.
  call('HSET', key, 'state', 'running', 'switched_by', by, 'tokens', 0,
    'tokens_at', string.format('%.0f', time[1] * 1000000 + time[2]))
elseif verb == 'abort' and (state == 'running' or state == 'paused') then
  call('HSET', key, 'state', 'aborted', 'switched_by', by, 'ended', string.format('%d', NOW))
  call('ZREM', BULKS_OPEN, id)
else
  return 0
end
return 1
