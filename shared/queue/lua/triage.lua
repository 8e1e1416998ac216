-- triage: who looks after a dead letter or a cause, and a note. KEYS[1] prefix.
-- ARGV: letter or cause · id or hash · triage ('' = none any more). Result: 1, or 0 when it is not on the shelf.
local what, name, triage = take(), take(), take()
local key
if what == 'letter' then
  if not call('ZSCORE', DEAD, name) then return 0 end
  key = TRIAGE
else
  if call('HEXISTS', CAUSES, name) == 0 then return 0 end
  key = CAUSE_TRIAGE
end
if triage == '' then call('HDEL', key, name) else call('HSET', key, name, triage) end
return 1
