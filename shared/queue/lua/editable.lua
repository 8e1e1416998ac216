-- editable: a dead letter's envelope with its SHA-1, its history with its own. KEYS[1] prefix. ARGV: id.
-- Result: {envelope, SHA-1, history or '', SHA-1}, or nothing when it is not on the shelf.
local id = take()
local envelope = call('HGET', JOB, id)
if not envelope or not call('ZSCORE', DEAD, id) then return false end
local history = call('HGET', HISTORY, id) or ''
return { envelope, redis.sha1hex(envelope), history, redis.sha1hex(history) }
