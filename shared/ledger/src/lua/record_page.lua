-- Marks one page of a pass as read. The same page again replaces its mark.
-- KEYS    window, pages (HASH skip -> counts)
-- ARGV    pass, skip, expected pages or '', rows in the window or '', highest revision (8 bytes) or '', requests,
--         read, changed, unchanged, superseded, refused, excluded, first row or '', last row or '' (see chain.rs)
-- result  -1 no such window; 0 not open, or at another pass; 1 marked; 2 marked and all pages are
local COUNTS = { 'read', 'changed', 'unchanged', 'superseded', 'refused', 'excluded' }
local window, pages = KEYS[1], KEYS[2]
local state = redis.call('HGET', window, 'state')
if not state then return -1 end
redis.call('HINCRBY', window, 'requests', ARGV[6])
redis.call('HSET', window, 'advanced_at', string.format('%.0f', tonumber(redis.call('TIME')[1]) * 1000))
if state ~= 'open' or redis.call('HGET', window, 'pass') ~= ARGV[1] then return 0 end
local earlier = {}
for count in string.gmatch(redis.call('HGET', pages, ARGV[2]) or '', '%d+') do
  earlier[#earlier + 1] = tonumber(count)
end
for i = 1, #COUNTS do
  local change = tonumber(ARGV[6 + i]) - (earlier[i] or 0)
  if change ~= 0 then redis.call('HINCRBY', window, COUNTS[i], change) end
end
redis.call('HSET', pages, ARGV[2], table.concat(ARGV, ',', 7, 14))
if ARGV[3] ~= '' then redis.call('HSET', window, 'expected', ARGV[3]) end
if ARGV[4] ~= '' then
  local rows = tonumber(ARGV[4])
  local low, high = redis.call('HGET', window, 'rows_low'), redis.call('HGET', window, 'rows_high')
  if not low or rows < tonumber(low) then redis.call('HSET', window, 'rows_low', ARGV[4]) end
  if not high or rows > tonumber(high) then redis.call('HSET', window, 'rows_high', ARGV[4]) end
end
if ARGV[5] ~= '' then
  local high = redis.call('HGET', window, 'high')
  if not high or older(high, ARGV[5]) then redis.call('HSET', window, 'high', ARGV[5]) end
end
local expected = tonumber(redis.call('HGET', window, 'expected') or '')
if expected and redis.call('HLEN', pages) >= expected then return 2 end
return 1
