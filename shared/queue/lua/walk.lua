-- walk: reads on along the jobs that wait, behind the one where reading ended. Changes nothing.
-- KEYS[1] prefix. ARGV: 'delayed' · ms and member of that job · most entries; or 'ready' · lane · priority · id of that job ·
-- how many stood before it · last token given out by then · its replays by then, or '' · most entries.
-- Result: {last token given out, 1 when the job was not found again, how many stand before the first entry, entries}, the
-- delayed ones with their times.
local FRONT = 1000     -- jobs that may have come back to the front since
local NEAR = 150000    -- a list is searched from its front up to here: about 3 ms of Redis
local FAR = 20000      -- and further behind, so many places before the one where the job stood: about 4 ms

if take() == 'delayed' then
  local ms, member, most = take(), take(), tonumber(take())
  local first = rank_behind(DELAYED, ms, member)
  return { 0, 0, first, call('ZRANGE', DELAYED, first, first + most - 1, 'WITHSCORES') }
end

local lane, priority = take(), take()
local key = ready(lane, priority)
local id, before, token, replays, most = take(), tonumber(take()), tonumber(take()), take(), tonumber(take())
local last = tonumber(call('GET', TOKEN) or 0)
-- Only claims take jobs away, at the front, and every job that they take has a token: what stood behind ours begins at `low`
-- or later. A token of the future is of a Redis that was emptied since.
local low = 0
if last >= token then low = math.max(before - (last - token), 0) end

local function place()
  if call('LINDEX', key, before) == id then return before end
  if before < NEAR then return call('LPOS', key, id, 'MAXLEN', before + FRONT) end
  local least = math.max(low, before - FAR)
  local till = before + FRONT
  while till > least do
    local from = math.max(till - 1000, least)
    local ids = call('LRANGE', key, from, till - 1)
    for i = 1, #ids do
      if ids[i] == id then return from + i - 1 end
    end
    till = from
  end
end

-- Once claimed, a job comes back to the front, where what stood behind it still does; or, by way of the shelf, to the end.
local function came_back()
  if last >= token and last - token <= before or replays == '' then return false end
  return (string.match(call('HGET', HISTORY, id) or '', '^1 %d+ %d+ %d+ (%d+)') or '0') ~= replays
end

local at = place()
if at and came_back() then at = nil end
local first = at and at + 1 or low
return { last, at and 0 or 1, first, call('LRANGE', key, first, first + most - 1) }
