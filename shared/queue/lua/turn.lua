-- turn: what a worker does, in one step: settle results, then claim as many jobs as it can start.
-- KEYS[1] prefix. ARGV: n to claim · lease ms · most rescues · poison after · shelf bytes · poison cause, text, fault ·
-- 1 and the sections of finish, or 0.
-- Result: {finish result or false, claim result or false}. A claim is {now ms, ms until the next claim is due or -1, first
-- token, ids, envelopes, histories or none, rescued ids, poisoned ids, lanes of the ids (lane, jobs …)}. When finish answers "late" or "taken", nothing at all was done.
local n, lease_ms, rescue_max, poison_after, budget =
  tonumber(take()), tonumber(take()), tonumber(take()), tonumber(take()), tonumber(take())
local poison_cause, poison_text, poison_fault = take(), take(), take()
local settled = false
if take() == '1' then
  settled = finish(budget)
  if settled[1] ~= 'ok' then return { settled, false } end
end
local claimed = false
if n > 0 then claimed = claim(n, lease_ms, rescue_max, poison_after, budget, poison_cause, poison_text, poison_fault) end
keep_pace()
return { settled, claimed }
