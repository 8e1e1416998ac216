-- finish, the first half of a turn: settles results, all or none. Part of turn.lua.
local function finish(budget)
  local members, members_n = range()   -- id:token of every result
  local done, done_n = range()         -- ids of the jobs that are gone
  local freed_keys, freed_keys_n = range()
  local old, old_n = range()           -- ids of the done jobs that had a history
  local cured, cured_n = range()       -- what was replayed and has succeeded now: field of `carried`, the letter's id …
  local lanes, lanes_n = range()       -- lane, running delta, bytes delta …
  local stats, stats_n = range()       -- field, n …
  local front, front_n = range()       -- id, lane, priority … back to the front of their lanes, in order
  local notes, notes_n = range()       -- id, history …
  local delays, delays_n = range()     -- member, ms …
  local holds, holds_n = range()       -- lane, reason …
  local shelf, shelf_n = range()       -- id, cause, cause text, record …
  local paces, paces_n = range()       -- lane, ended, run ms, done, failed, snoozed …
  local ends, ends_n = range()         -- n, lines of n jobs that came to an end …
  local orders = read_orders()         -- follow-ups, with the envelopes of orders that go straight to the shelf

  if members_n > 0 then
    local leases = read_chunked('ZMSCORE', LEASED, ARGV, members, members_n)
    local lost
    for i = 1, members_n do
      if not leases[i] then
        lost = lost or {}
        lost[#lost + 1] = i - 1
      end
    end
    if lost then return { 'late', lost } end
  end
  local busy = taken(orders, done, done_n)
  if busy then return { 'taken', busy } end

  if members_n > 0 then chunked('ZREM', LEASED, ARGV, members, members_n) end
  if done_n > 0 then chunked('HDEL', JOB, ARGV, done, done_n) end
  if freed_keys_n > 0 then chunked('HDEL', UNIQUE, ARGV, freed_keys, freed_keys_n) end
  if old_n > 0 then chunked('HDEL', HISTORY, ARGV, old, old_n) end
  for i = cured, cured + cured_n - 1, 2 do
    -- Another letter about the same may have been replayed since: that one's chain goes on.
    local words = call('HGET', CARRIED, ARGV[i])
    if words and string.match(words, '^%d+ %d+ (%S+)') == ARGV[i + 1] then forget_carried(ARGV[i]) end
  end
  if notes_n > 0 then chunked('HSET', HISTORY, ARGV, notes, notes_n) end
  for i = stats, stats + stats_n - 1, 2 do call('HINCRBY', STATS, ARGV[i], ARGV[i + 1]) end
  for i = front + front_n - 3, front, -3 do call('LPUSH', ready(ARGV[i + 1], ARGV[i + 2]), ARGV[i]) end
  for i = delays, delays + delays_n - 1, 2 do delay(ARGV[i], tonumber(ARGV[i + 1])) end
  local held = {}
  for i = holds, holds + holds_n - 1, 2 do
    if call('HSETNX', HELD, ARGV[i], ARGV[i + 1]) == 1 then held[#held + 1] = ARGV[i] end
    call('ZREM', ACTIVE, ARGV[i])
  end
  local caps_on = lanes_n > 0 and call('EXISTS', CAPS) > 0
  for i = lanes, lanes + lanes_n - 1, 3 do
    local lane, bytes = ARGV[i], tonumber(ARGV[i + 2])
    call('HINCRBY', RUNNING, lane, ARGV[i + 1])
    if bytes ~= 0 then call('HINCRBY', BYTES, lane, bytes) end
    -- A lane leaves the index at its cap; room again means back into it.
    if (front_n > 0 or caps_on) and has_ready(lane) and call('HEXISTS', HELD, lane) == 0 then
      activate(lane)
      wake()
    end
  end
  admit(orders)
  for i = paces, paces + paces_n - 1, 6 do
    local lane = ARGV[i]
    pace(lane, ENDINGS, tonumber(ARGV[i + 1]))
    pace(lane, RUN, tonumber(ARGV[i + 2]))
    pace(lane, DONE, tonumber(ARGV[i + 3]))
    pace(lane, FAILED, tonumber(ARGV[i + 4]))
    pace(lane, SNOOZED, tonumber(ARGV[i + 5]))
  end
  for i = ends, ends + ends_n - 1, 2 do keep_ended(ARGV[i], ARGV[i + 1]) end
  local total, evicted = 0, {}
  for i = shelf, shelf + shelf_n - 1, 4 do
    local gone
    total, gone = shelve(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], budget)
    for j = 1, #gone do evicted[#evicted + 1] = gone[j] end
  end
  return { 'ok', held, total, evicted }
end
