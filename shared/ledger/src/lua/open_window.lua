-- Opens a window, unless one for the same entity and purpose is open.
-- KEYS    meta, open (HASH entity/purpose -> number), windows (ZSET)
-- ARGV    slot in open ('' never coalesces), prefix of window keys, opened at (ms), windows kept,
--         then field, value, ... of the row
-- result  {1, number} opened, {0, number} that one is open already
local slot, prefix, at = ARGV[1], ARGV[2], ARGV[3]
if slot ~= '' then
  local open = redis.call('HGET', KEYS[2], slot)
  if open and redis.call('HGET', prefix .. open, 'state') == 'open' then return {0, tonumber(open)} end
end
local number = redis.call('HINCRBY', KEYS[1], 'windows', 1)
local row = prefix .. string.format('%.0f', number)
for i = 5, #ARGV, 2 do redis.call('HSET', row, ARGV[i], ARGV[i + 1]) end
-- The audit stream counts in the server's time, whatever clock the caller has.
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', row, 'state', 'open', 'pass', 1, 'opened_at', at, 'slot', slot, 'audit_from', now, 'advanced_at', now)
if slot ~= '' then redis.call('HSET', KEYS[2], slot, number) end
redis.call('ZADD', KEYS[3], number, number)
if redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[4]) then
  for _, old in ipairs(redis.call('ZRANGE', KEYS[3], 0, 63)) do
    if redis.call('HGET', prefix .. old, 'state') ~= 'open' then
      redis.call('UNLINK', prefix .. old, prefix .. old .. ':pages')
      redis.call('ZREM', KEYS[3], old)
      if redis.call('ZCARD', KEYS[3]) <= tonumber(ARGV[4]) then break end
    end
  end
end
return {1, number}
