#!lua flags=allow-oom
-- Reads a session and its account, and notes its use at most once per `every`.
-- KEYS session, accounts · ARGV now, idle ms, greatest age ms, every ms
-- Returns nothing, or name, epoch, account (JSON).
local now, idle, age = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local session = redis.call('HMGET', KEYS[1], 'name', 'epoch', 'at', 'seen')
if not session[1] or not session[3] or not session[4] then return false end
local at, seen = tonumber(session[3]), tonumber(session[4])
local account = redis.call('HGET', KEYS[2], session[1])
if not account or now - seen > idle or now - at > age then
  redis.call('DEL', KEYS[1])
  return false
end
if now - seen >= tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'seen', now)
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.min(idle, age - (now - at))))
end
return {session[1], session[2] or '', account}
