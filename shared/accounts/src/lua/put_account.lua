#!lua flags=allow-oom
-- Writes, replaces or removes an account, unless it changed meanwhile or nobody could manage accounts afterwards.
-- A full Redis takes it all the same: whoever must be kept out is kept out then too.
-- KEYS[1] accounts · ARGV name in lower case, what is stored now ('' = nothing), what shall be ('' = nothing), most accounts
-- Returns `done`, `changed`, `full` or `last_admin`.
local name, before, after = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], name) or '') ~= before then return 'changed' end

local function leads(json)
  if json == '' then return false end
  local account = cjson.decode(json)
  return account.role == 'admin' and not account.disabled and not account.one_time_until
end

if before == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
if leads(before) and not leads(after) then
  local another = false
  -- As many as there may be accounts, and only here.
  for _, json in ipairs(redis.call('HVALS', KEYS[1])) do
    if json ~= before and leads(json) then another = true break end
  end
  if not another then return 'last_admin' end
end
if after == '' then
  redis.call('HDEL', KEYS[1], name)
else
  redis.call('HSET', KEYS[1], name, after)
end
return 'done'
