-- Records what a person decided, on the item and among people's actions, and drops the oldest decided items.
-- KEYS    meta, people's actions (STREAM), index `decided`, index `all`
-- ARGV    prefix of items, prefix of indexes, prefix of records' items, number, new state, who, note or '', time in ms,
--         time as text, verb, about how many actions are kept, most decided items kept, revision of the facts that whoever
--         decides saw or ''
-- result  1 and the item as it is now; 0 and the item as it stands, when it is decided (or open) already; 2 and the item when
--         its facts are not those that whoever decides saw; nil when there is none
local items, index, of, id, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local before = redis.call('HGET', items .. id, 'state')
if not before then return false end
-- Only what is open is decided, and only what is decided is opened again: the first decision stands, with its time, name and
-- note, until somebody has seen it and takes it back.
if (before == 'open') == (state == 'open') then return { 0, view(items, id) } end
if ARGV[13] ~= '' and ARGV[13] ~= (redis.call('HGET', items .. id, 'revision') or '1') then return { 2, view(items, id) } end

local named = redis.call('HMGET', items .. id, 'flow', 'key', 'kind')
redis.call('HSET', items .. id, 'state', state)
redis.call('HDEL', items .. id, 'note')
move(index, id, before, state)
if state == 'open' then
  redis.call('HDEL', items .. id, 'decided_by', 'decided_at')
  redis.call('ZREM', KEYS[3], id)
else
  redis.call('HSET', items .. id, 'decided_by', ARGV[6], 'decided_at', ARGV[8])
  if ARGV[7] ~= '' then redis.call('HSET', items .. id, 'note', ARGV[7]) end
  redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[1], 'decisions', 1), id)
end
-- As `PersonAction` is stored.
local action = cjson.encode({
  who = ARGV[6], what = ARGV[10], before = before, after = state, at = ARGV[9],
  subject = 'review ' .. id .. ': ' .. table.concat(named, ' '),
})
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[11], '*', 'a', action)

-- One decision adds at most one; more are left only after the limit was lowered, and go a few at a time.
for _ = 1, 16 do
  if redis.call('ZCARD', KEYS[3]) <= tonumber(ARGV[12]) then break end
  local old = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  local gone = redis.call('HMGET', items .. old, 'flow', 'key', 'kind', 'about', 'state')
  redis.call('ZREM', KEYS[3], old)
  redis.call('ZREM', KEYS[4], old)
  -- An item that somebody deleted by hand must not make every later decision fail.
  if gone[5] then
    redis.call('ZREM', index .. gone[5], old)
    redis.call('HDEL', of .. gone[1] .. ':' .. gone[2], gone[3] .. ':' .. gone[4])
    redis.call('DEL', items .. old)
  end
end
return { 1, view(items, id) }
