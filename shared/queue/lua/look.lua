-- look: reads on along the shelf, by time of death. Changes nothing.
-- KEYS[1] prefix. ARGV: cause's hash or '' · up (oldest first) or down · since ms or -inf · until ms or +inf · ms and id of
-- the letter after which to go on, or two empty ones · most letters to look at · most to give back · lane · kind · fault
-- ('' = any). Result: {now ms, looked at, ms and id of the last one looked at, whether that was the end, letters}, a letter
-- being {id, ms, how many were looked at up to it, record, first line of its envelope or '', bytes, history or '', SHA-1 of
-- the history, triage or '', triage of its cause or ''}. The place is found by id and time, so that letters that come or
-- go meanwhile move nothing.
local cause, up = take(), take() == 'up'
local since, till, at, after = take(), take(), take(), take()
local look_max, give_max = tonumber(take()), tonumber(take())
local lane, kind, fault = take(), take(), take()
local key = cause ~= '' and P .. 'dead_cause:' .. cause or DEAD

local entries
if up then
  local first = at ~= '' and rank_behind(key, at, after) or call('ZCOUNT', key, '-inf', '(' .. since)
  entries = call('ZRANGE', key, first, first + look_max - 1, 'WITHSCORES')
else
  local n
  if at ~= '' then
    local behind, there = rank_behind(key, at, after)
    n = there and behind - 1 or behind
  else
    n = call('ZCOUNT', key, '-inf', till)
  end
  entries = {}
  if n > 0 then
    local ascending = call('ZRANGE', key, math.max(n - look_max, 0), n - 1, 'WITHSCORES')
    for i = #ascending - 1, 1, -2 do
      entries[#entries + 1] = ascending[i]
      entries[#entries + 1] = ascending[i + 1]
    end
  end
end

local low, high = tonumber(since) or -math.huge, tonumber(till) or math.huge
local ids = {}
local ended = #entries < 2 * look_max
for i = 1, #entries, 2 do
  local score = tonumber(entries[i + 1])
  if up and score > high or not up and score < low then
    ended = true
    break
  end
  ids[#ids + 1] = entries[i]
end
local letters, looked, bytes = {}, 0, 0
if #ids > 0 then
  local records, READ = {}, 100
  local triages, cause_triages = call('EXISTS', TRIAGE) > 0, call('EXISTS', CAUSE_TRIAGE) > 0
  for i = 1, #ids do
    if #letters >= give_max or bytes > 4000000 then
      ended = false
      break
    end
    looked = i
    local place = (i - 1) % READ + 1
    -- Page by page: most calls end long before they have looked at all.
    if place == 1 then records = call('HMGET', RECORD, unpack(ids, i, math.min(i + READ - 1, #ids))) end
    local record = records[place]
    local its_lane, its_kind, its_cause, its_fault = string.match(record or '', '^1 (%S+) (%S+) (%S+) (%S+) ')
    if its_lane and (lane == '' or lane == its_lane) and (kind == '' or kind == its_kind)
      and (fault == '' or fault == its_fault) then
      local envelope = call('HGET', JOB, ids[i]) or ''
      local history = call('HGET', HISTORY, ids[i]) or ''
      bytes = bytes + #envelope + #history
      letters[#letters + 1] = {
        ids[i], entries[2 * i], i, record, string.match(envelope, '^([^\n]*)\n') or '', #envelope, history,
        redis.sha1hex(history), triages and call('HGET', TRIAGE, ids[i]) or '',
        cause_triages and call('HGET', CAUSE_TRIAGE, its_cause) or '',
      }
    end
  end
end
local last_at, last = at, after
if looked > 0 then last_at, last = entries[2 * looked], ids[looked] end
return { NOW, looked, last_at, last, ended and 1 or 0, letters }
