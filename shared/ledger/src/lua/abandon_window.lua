-- Gives an open window up: its slot is free for the next poll, the checkpoint stays.
-- KEYS    window, pages, open
-- ARGV    abandoned at (ms), reason
-- result  1 abandoned, 0 it was not open, -1 no such window
local state, slot = redis.call('HGET', KEYS[1], 'state'), redis.call('HGET', KEYS[1], 'slot')
if not state then return -1 end
if state ~= 'open' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'abandoned', 'closed_at', ARGV[1], 'reason', ARGV[2],
  'pages', redis.call('HLEN', KEYS[2]))
redis.call('UNLINK', KEYS[2])
local number = string.match(KEYS[1], ':win:(%d+)$')
if slot ~= '' and redis.call('HGET', KEYS[3], slot) == number then redis.call('HDEL', KEYS[3], slot) end
return 1
