-- Starts the next pass over a window: page marks and counts begin anew.
-- KEYS    window, pages
-- ARGV    pass, mode
-- result  1 the window is at this pass, 0 it is further or not open, -1 no such window
local state, current = redis.call('HGET', KEYS[1], 'state'), tonumber(redis.call('HGET', KEYS[1], 'pass'))
if not state then return -1 end
local pass = tonumber(ARGV[1])
if state ~= 'open' or pass < current then return 0 end
if pass > current then
  redis.call('HSET', KEYS[1], 'pass', pass, 'mode', ARGV[2])
  redis.call('HDEL', KEYS[1], 'expected', 'rows_low', 'rows_high', 'high',
    'read', 'changed', 'unchanged', 'superseded', 'refused', 'excluded')
  redis.call('UNLINK', KEYS[2])
end
return 1
