-- editable: a dead letter's envelope with its SHA-1, its history with its own. KEYS[1] prefix. ARGV: id.
-- Result: {envelope, SHA-1, history or '', SHA-1, ms of now}, or nothing when it is not on the shelf. Now is never before the
-- start of an operation, even if the clock went back.
local id = take()
local envelope = call('HGET', JOB, id)
if not envelope or not call('ZSCORE', DEAD, id) then return false end
local history = call('HGET', HISTORY, id) or ''
local newest = call('ZRANGE', BULKS_OPEN, 0, 0, 'REV', 'WITHSCORES')[2]
local at = math.max(NOW, tonumber(newest) or 0)
return { envelope, redis.sha1hex(envelope), history, redis.sha1hex(history), at }
