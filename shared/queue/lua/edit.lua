-- edit: gives a dead letter another payload. KEYS[1] prefix.
-- ARGV: id · SHA-1 of the envelope and of the history as they were seen · new envelope · new history ·
-- ms of the edit in that history.
-- Result: "ok", "gone" (not on the shelf), "changed" (another envelope), "history" (another history, or an operation
-- started since and would take the edit for one from before it: read it again).
local id, seen, seen_history, envelope, history, at = take(), take(), take(), take(), take(), tonumber(take())
local stored, record = call('HGET', JOB, id), call('HGET', RECORD, id)
if not stored or not record or not call('ZSCORE', DEAD, id) then return 'gone' end
if redis.sha1hex(stored) ~= seen then return 'changed' end
if redis.sha1hex(call('HGET', HISTORY, id) or '') ~= seen_history then return 'history' end
local newest = call('ZRANGE', BULKS_OPEN, 0, 0, 'REV', 'WITHSCORES')[2]
if newest and tonumber(newest) > at then return 'history' end
-- The letter counts for its new size in the shelf's budget.
local before, size, rest = string.match(record, '^(1 %S+ %S+ %S+ %S+ )(%d+)(.*)$')
if not before then return 'gone' end
local more = #envelope - #stored
call('HSET', JOB, id, envelope)
call('HSET', HISTORY, id, history)
call('HSET', RECORD, id, before .. string.format('%d', tonumber(size) + more) .. rest)
call('INCRBY', DEAD_BYTES, more)
return 'ok'
