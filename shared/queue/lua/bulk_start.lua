-- bulk_start: accepts an operation on many dead letters. KEYS[1] prefix.
-- ARGV: id · most open ones · most kept · verb · filter as JSON · letters a second or '' · by · reason or '' · until ms ·
-- letters that match or '' · letters to look at. Result: 1, or 0 when too many are open.
local id, most_open, most_kept = take(), tonumber(take()), tonumber(take())
if call('ZCARD', BULKS_OPEN) >= most_open then return 0 end
local key = P .. 'bulk:' .. id
call('HSET', key, 'state', 'running', 'verb', take(), 'filter', take(), 'rate', take(), 'by', take(), 'reason', take(),
  'until', take(), 'matched', take(), 'to_look_at', take(), 'started', string.format('%d', NOW), 'cursor', '',
  'acted', 0, 'passed', 0, 'looked', 0, 'tokens', 1, 'tokens_at', string.format('%.0f', time[1] * 1000000 + time[2]))
call('ZADD', BULKS, NOW, id)
call('ZADD', BULKS_OPEN, NOW, id)
-- The oldest ended ones are forgotten.
local surplus = call('ZCARD', BULKS) - most_kept
if surplus > 0 then
  for _, old in ipairs(call('ZRANGE', BULKS, 0, math.min(surplus + most_open, 1000) - 1)) do
    if surplus > 0 and not call('ZSCORE', BULKS_OPEN, old) then
      call('DEL', P .. 'bulk:' .. old)
      call('ZREM', BULKS, old)
      surplus = surplus - 1
    end
  end
end
return 1
