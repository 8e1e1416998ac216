-- Puts something on the review list, or notes that it came up again.
-- KEYS    meta, items of the record (HASH <kind>:<about> -> number), index `all`
-- ARGV    prefix of items, prefix of indexes, '1' when a decided item opens again even with the same facts,
--         flow, key, kind, about, summary, facts, job or '', time in ms
-- result  the item
local items, index, reopens, time = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[11]
local identity = ARGV[6] .. ':' .. ARGV[7]
local id = redis.call('HGET', KEYS[2], identity)
if not id then
  id = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'items', 1))
  redis.call('HSET', items .. id, 'flow', ARGV[4], 'key', ARGV[5], 'kind', ARGV[6], 'about', ARGV[7],
    'state', 'open', 'first_at', time, 'last_at', time)
  redis.call('HSET', KEYS[2], identity, id)
  redis.call('ZADD', KEYS[3], id, id)
  move(index, id, nil, 'open')
else
  local state = redis.call('HGET', items .. id, 'state')
  -- A decision was made about facts: others have to be decided anew.
  if redis.call('HGET', items .. id, 'facts') ~= ARGV[9] then
    redis.call('HSETNX', items .. id, 'revision', 1)
    redis.call('HINCRBY', items .. id, 'revision', 1)
    redis.call('HINCRBY', KEYS[1], 'changes', 1)
    reopens = true
  end
  if reopens and state ~= 'open' then
    redis.call('HDEL', items .. id, 'decided_by', 'decided_at', 'note')
    redis.call('HSET', items .. id, 'state', 'open')
    redis.call('ZREM', index .. 'decided', id)
    move(index, id, state, 'open')
  end
  -- Two workers' clocks differ a little: a time never goes back.
  if tonumber(time) > tonumber(redis.call('HGET', items .. id, 'last_at')) then
    redis.call('HSET', items .. id, 'last_at', time)
  end
end
redis.call('HINCRBY', items .. id, 'times', 1)
redis.call('HSET', items .. id, 'summary', ARGV[8], 'facts', ARGV[9])
if ARGV[10] ~= '' then redis.call('HSET', items .. id, 'job', ARGV[10]) end
return view(items, id)
