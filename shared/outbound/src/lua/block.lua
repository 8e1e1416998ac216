-- Lets nothing through one budget until an instant. A later block that stands already is kept.
--
-- KEYS[1] hash of the connection's budgets
-- ARGV[1] family
-- ARGV[2] until, microseconds since the epoch; 0 = by ARGV[3]
-- ARGV[3] from now on, microseconds
-- Result: {until, now}, microseconds since the epoch
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local till = tonumber(ARGV[2])
if till == 0 then till = now + tonumber(ARGV[3]) end
local field = ARGV[1] .. '.block'
till = math.max(till, tonumber(redis.call('HGET', KEYS[1], field) or '0'))
redis.call('HSET', KEYS[1], field, string.format('%.0f', till))
return { till, now }
