-- Extends the lease of a request in flight.
--
-- KEYS[1] sorted set of requests in flight
-- ARGV[1] mark of the request
-- ARGV[2] lease in ms
-- Result: new expiry in ms since the epoch
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = now_ms + tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], expiry, ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return expiry
