local CARRIED_MAX = 10000  -- triages that wait for their letters at most; the oldest go

-- Keeps the triage of a letter that leaves by replay, for the next one about the same thing (`take_over` in shared.lua), with
-- how often it has come back by then. One that has neither leaves nothing, so that the many do not push out the few.
-- Stored as `<ms of now> <times> <id>\n<triage>`. Forgets faster than it learns. Reads no envelope: a hundred take 20 ms.
local function leave_behind(id, record)
  local triage = call('HGET', TRIAGE, id)
  local times = string.match(record, '^1 %S+ %S+ %S+ %S+ %d+ %S+ %d %S+ (%d+) ')
  if not triage and not times then return end
  local name = about(id, record)
  if name == '' then return end
  call('HSET', CARRIED, name, string.format('%d %d ', NOW, (times or 0) + 1) .. id .. '\n' .. (triage or ''))
  call('ZADD', CARRIED_AT, NOW, name)
  local surplus = call('ZCARD', CARRIED_AT) - CARRIED_MAX
  local oldest = call('ZRANGE', CARRIED_AT, 0, 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    if i <= 2 * surplus or NOW - oldest[i + 1] > CARRIED_MS then forget_carried(oldest[i]) end
  end
  call('PEXPIRE', CARRIED, CARRIED_MS)
  call('PEXPIRE', CARRIED_AT, CARRIED_MS)
end

-- Puts a dead letter back into its lane, at the end, with this history. False when its envelope is missing.
local function put_back(id, record, history)
  local size = call('HSTRLEN', JOB, id)
  if size == 0 then return false end
  leave_behind(id, record)
  local lane, kind, _, _, _, priority = unshelve(id, record)
  call('HSET', HISTORY, id, history)
  call('HINCRBY', BYTES, lane, size)
  count(kind, 'replayed', 1)
  call('RPUSH', ready(lane, priority), id)
  activate(lane)
  return true
end
