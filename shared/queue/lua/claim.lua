-- claim, the second half of a turn: leases up to n jobs, over all lanes, fairly. Part of turn.lua and wait.lua.
-- On the way it brings due delayed jobs back and rescues a bounded number of jobs whose lease ran out.
local PROMOTE_MAX = 200  -- due jobs brought back per call
local LANES_MAX = 64     -- lanes looked at per call
local QUANTUM = 8        -- jobs a lane may give before the next one's turn, so that many lanes cost no more than one

local function promote()
  local due = call('ZRANGEBYSCORE', DELAYED, '-inf', NOW, 'LIMIT', 0, PROMOTE_MAX)
  if #due == 0 then return 0 end
  call('ZREM', DELAYED, unpack(due))
  local back, front, lanes = {}, {}, {}
  -- Jobs that ran before go to the front, the longest due first; hence from the last to the first, one LPUSH.
  for i = #due, 1, -1 do
    local origin, priority, lane, id = string.match(due[i], '^(%a):(%d):([^:]+):(.+)$')
    local lists = origin == 'r' and front or back
    local key = ready(lane, priority)
    lists[key] = lists[key] or {}
    table.insert(lists[key], id)
    lanes[lane] = (lanes[lane] or 0) + 1
  end
  for key, ids in pairs(front) do call('LPUSH', key, unpack(ids)) end
  for key, ids in pairs(back) do
    local ordered = {}
    for i = #ids, 1, -1 do ordered[#ordered + 1] = ids[i] end
    call('RPUSH', key, unpack(ordered))
  end
  for lane, n in pairs(lanes) do
    call('HINCRBY', WAITING, lane, -n)
    activate(lane)
  end
  return #due
end

local function rescue(most, poison_after, budget, poison_cause, poison_text, poison_fault)
  local rescued, poisoned = {}, {}
  if most == 0 then return rescued, poisoned end
  local expired = call('ZRANGEBYSCORE', LEASED, '-inf', NOW, 'LIMIT', 0, most)
  local due = '{"due":' .. string.format('%d', NOW)
  for i = #expired, 1, -1 do
    local id = string.match(expired[i], '^([^:]+):')
    local envelope = call('HGET', JOB, id)
    call('ZREM', LEASED, expired[i])
    local lane, priority, kind, unique = head(envelope or '')
    if lane then
      local attempts, crashes, snoozes, replays, rest =
        string.match(call('HGET', HISTORY, id) or '1 0 0 0 0\n[]', '^1 (%d+) (%d+) (%d+) (%d+)\n(.*)$')
      crashes = tonumber(crashes) + 1
      -- It could start again from now on.
      rest = string.gsub(rest, '^%[%]$', '{}')
      rest = string.gsub(rest, '^{"due":%d+,?', '{')
      rest = string.gsub(rest, '^{', rest == '{}' and due or due .. ',', 1)
      call('HSET', HISTORY, id, '1 ' .. attempts .. ' ' .. crashes .. ' ' .. snoozes .. ' ' .. replays .. '\n' .. rest)
      call('HINCRBY', RUNNING, lane, -1)
      if crashes >= poison_after then
        local size = #envelope + #poison_fault
        local subject = string.match(envelope, '^1 %S+ %d %S+ %S+ %d+ %d+ %d+ %d+ %S+ %S+ ([^ \n]+)') or '-'
        call('HINCRBY', BYTES, lane, -#envelope)
        shelve(id, poison_cause, poison_text, '1 ' .. lane .. ' ' .. kind .. ' ' .. poison_cause .. ' defect ' .. size
          .. ' ' .. unique .. ' ' .. priority .. ' ' .. subject .. '\n' .. poison_fault, budget)
        ended('x', id, envelope, nil)
        poisoned[#poisoned + 1] = id
        count(kind, 'poisoned', 1)
      else
        call('LPUSH', ready(lane, priority), id)
        rescued[#rescued + 1] = id
        count(kind, 'rescued', 1)
      end
      if has_ready(lane) then activate(lane) end
    end
  end
  return rescued, poisoned
end

-- Takes ids from the lanes' lists. Returns them, jobs per lane, the lanes in the order of the ids (lane, jobs …), and
-- whether nothing more can be had by anyone.
local function pick(n)
  local ids, given, spans = {}, {}, {}
  local lanes = call('ZRANGE', ACTIVE, 0, LANES_MAX - 1)
  if #lanes == 0 then return ids, given, spans, true end
  local stopped, held, caps, running
  local switches = call('EXISTS', PAUSED, HELD)
  if switches > 0 then
    stopped = call('HMGET', PAUSED, unpack(lanes))
    held = call('HMGET', HELD, unpack(lanes))
  end
  if call('EXISTS', CAPS) > 0 then
    caps = call('HMGET', CAPS, unpack(lanes))
    running = call('HMGET', RUNNING, unpack(lanes))
  end
  local gone, leave = {}, {}
  -- The first round gives every lane its share, the second hands out what the short lanes left over.
  for round = 1, 2 do
    local share = n
    if round == 1 then share = math.max(math.ceil(n / #lanes), math.min(QUANTUM, n)) end
    for i = 1, #lanes do
      if #ids >= n then break end
      local lane = lanes[i]
      if not gone[i] then
        local got, room = 0, math.min(share, n - #ids)
        local closed = false
        if switches > 0 and (stopped[i] or held[i]) then
          room, closed = 0, true
        elseif caps and caps[i] then
          local left = tonumber(caps[i]) - (tonumber(running[i]) or 0) - (given[lane] or 0)
          if left <= room then room, closed = math.max(left, 0), true end
        end
        for priority = 0, 2 do
          if got < room then
            local popped = call('LPOP', ready(lane, priority), room - got)
            if popped then
              for j = 1, #popped do ids[#ids + 1] = popped[j] end
              got = got + #popped
            end
          end
        end
        if got > 0 then
          given[lane] = (given[lane] or 0) + got
          spans[#spans + 1] = lane
          spans[#spans + 1] = got
        end
        if closed or got < room then
          gone[i] = true
          leave[#leave + 1] = lane
        end
      end
    end
  end
  if #leave > 0 then call('ZREM', ACTIVE, unpack(leave)) end
  return ids, given, spans, #lanes < LANES_MAX and #leave == #lanes
end

-- When a job could start: when it was put off to, or ordered for, else when it was accepted. Nil for one that cannot be read.
-- Looks for the words by their places: a pattern for the whole line costs four times as much, for every job.
local function could_start(envelope, history)
  local due = history and string.match(history, '^1 %d+ %d+ %d+ %d+\n{"due":(%d+)')
  if due then return tonumber(due) end
  local lane_end = envelope and string.find(envelope, ' ', 3, true)
  local kind_end = lane_end and string.find(envelope, ' ', lane_end + 3, true)
  local unique_end = kind_end and string.find(envelope, ' ', kind_end + 1, true)
  local line_end = unique_end and string.find(envelope, '\n', unique_end, true)
  if not line_end then return nil end
  if string.byte(envelope, line_end - 14) == 64 and string.byte(envelope, line_end - 15) == 32 then
    return tonumber(string.sub(envelope, line_end - 13, line_end - 1))
  end
  return tonumber(string.sub(envelope, unique_end + 1, unique_end + 13))
end

local function pace_starts(spans, envelopes, histories)
  local i = 0
  for s = 1, #spans, 2 do
    local lane, got, wait = spans[s], spans[s + 1], 0
    for j = i + 1, i + got do
      local since = could_start(envelopes[j], histories[j])
      if since and since < NOW then wait = wait + NOW - since end
    end
    i = i + got
    pace(lane, STARTED, got)
    pace(lane, WAIT, wait)
  end
end

-- Leases up to n jobs. Result: see turn.lua.
local function claim(n, lease_ms, rescue_max, poison_after, budget, poison_cause, poison_text, poison_fault)
  local promoted = promote()
  local rescued, poisoned = rescue(rescue_max, poison_after, budget, poison_cause, poison_text, poison_fault)
  local ids, given, spans, empty = pick(n)
  local got, first, envelopes, histories = #ids, 0, {}, {}
  if got > 0 then
    local last = call('INCRBY', TOKEN, got)
    first = last - got + 1
    local deadline, leases = NOW + lease_ms, {}
    for i = 1, got do
      leases[2 * i - 1] = deadline
      leases[2 * i] = ids[i] .. ':' .. string.format('%d', first + i - 1)
    end
    chunked('ZADD', LEASED, leases, 1, 2 * got)
    for lane, k in pairs(given) do
      call('HINCRBY', RUNNING, lane, k)
      -- Served lanes go to the end of the round; those that have nothing left are out already (XX).
      call('ZADD', ACTIVE, 'XX', last, lane)
    end
    envelopes = read_chunked('HMGET', JOB, ids, 1, got)
    if call('EXISTS', HISTORY) > 0 then histories = read_chunked('HMGET', HISTORY, ids, 1, got) end
    pace_starts(spans, envelopes, histories)
  end
  local next_ms = -1
  if got < n then
    if empty then call('DEL', WAKE) end
    local due = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')[2]
    local expiry = call('ZRANGE', LEASED, 0, 0, 'WITHSCORES')[2]
    if promoted >= PROMOTE_MAX or #rescued + #poisoned >= rescue_max and rescue_max > 0 or not empty then
      next_ms = 0
    else
      if due then next_ms = math.max(due - NOW, 0) end
      if expiry and rescue_max > 0 then
        local wait = math.max(expiry - NOW + 1, 0)
        if next_ms < 0 or wait < next_ms then next_ms = wait end
      end
    end
  elseif not empty then
    -- Somebody who is idle can have the rest.
    wake()
  end
  return { NOW, next_ms, first, ids, envelopes, histories, rescued, poisoned, spans }
end
