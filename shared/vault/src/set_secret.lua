-- Stores a sealed secret with the time of the change.
-- KEYS[1] hash of secrets · ARGV[1] field `connection/name` · ARGV[2] sealed bytes
-- Returns milliseconds since the epoch.
local time = redis.call('TIME')
local ms = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
redis.call('HSET', KEYS[1], ARGV[1], ms .. ':' .. ARGV[2])
return ms
