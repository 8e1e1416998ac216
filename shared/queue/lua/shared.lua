-- Joined in front of every verb. All keys stand under KEYS[1] = "{mlcq:<namespace>}:", hence in one cluster slot.
-- Times are Redis' own, in milliseconds. Argument lists that can be long go through `chunked`, never through one unpack.
local P = KEYS[1]
local call = redis.call

local ACTIVE, DELAYED, LEASED = P .. 'active', P .. 'delayed', P .. 'leased'
local JOB, HISTORY, UNIQUE = P .. 'job', P .. 'history', P .. 'unique'
local RUNNING, WAITING, BYTES = P .. 'running', P .. 'waiting', P .. 'bytes'
local CAPS, PAUSED, HELD = P .. 'caps', P .. 'paused', P .. 'held'
local DEAD, RECORD, CAUSES = P .. 'dead', P .. 'dead_record', P .. 'causes'
local DEAD_BYTES, DEAD_COUNT, REMOVED = P .. 'dead_bytes', P .. 'dead_count', P .. 'removed'
local WORKERS, WORKER_FACTS = P .. 'workers', P .. 'worker_facts'
local ENDED, ENDED_COUNT = P .. 'ended', P .. 'ended_count'
local TRIAGE, CAUSE_TRIAGE = P .. 'triage', P .. 'triage_cause'
local CARRIED, CARRIED_AT = P .. 'carried', P .. 'carried_at'
local BULKS, BULKS_OPEN = P .. 'bulks', P .. 'bulks_open'
local TOKEN, STATS, WAKE = P .. 'token', P .. 'stats', P .. 'wake'

local CHUNK = 500        -- most arguments of one command
local WAKE_MAX = 16      -- most wake-ups that can lie waiting
local SOON_MS = 2000     -- a delay shorter than the workers' slow poll must wake one of them
local ENDED_MAX = 10000  -- ended jobs that are remembered
local CARRIED_MS = 7 * 86400000  -- how long a replayed letter's triage waits for it to come back

local time = call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY, HOUR, MINUTE = math.floor(time[1] / 86400), math.floor(time[1] / 3600), math.floor(time[1] / 60)

local cursor = 0
local function take() cursor = cursor + 1; return ARGV[cursor] end
-- A counted range of ARGV: its first index and its length.
local function range() local n = tonumber(take()); local first = cursor + 1; cursor = cursor + n; return first, n end

local function chunked(command, key, list, first, n)
  for i = first, first + n - 1, CHUNK do
    call(command, key, unpack(list, i, math.min(i + CHUNK - 1, first + n - 1)))
  end
end

local function read_chunked(command, key, list, first, n)
  if n <= CHUNK then return call(command, key, unpack(list, first, first + n - 1)) end
  local out = {}
  for i = first, first + n - 1, CHUNK do
    local part = call(command, key, unpack(list, i, math.min(i + CHUNK - 1, first + n - 1)))
    for j = 1, #part do out[#out + 1] = part[j] or false end
  end
  return out
end

local function ready(lane, priority) return P .. 'ready:' .. lane .. ':' .. priority end
local function count(kind, outcome, n) call('HINCRBY', STATS, DAY .. '|' .. kind .. '|' .. outcome, n) end
local function wake() if call('LLEN', WAKE) < WAKE_MAX then call('RPUSH', WAKE, '1') end end
local function has_ready(lane) return call('EXISTS', ready(lane, 0), ready(lane, 1), ready(lane, 2)) > 0 end
-- Behind the lanes that wait already: the score is the last token given out.
local function activate(lane) call('ZADD', ACTIVE, 'NX', call('GET', TOKEN) or 0, lane) end

-- The readable head of an envelope: version lane priority kind unique …
local function head(envelope) return string.match(envelope, '^1 (%S+) (%d) (%S+) (%S+) ') end

-- What happens in this call, gathered by lane and counter and written once, at the call's end, by `keep_pace`.
-- The counters stand in this order in one string of big-endian 64-bit numbers.
local STARTED, WAIT, ENDINGS, RUN, DONE, ENQUEUED, FAILED, SNOOZED, LETTERS = 1, 2, 3, 4, 5, 6, 7, 8, 9
local paced, paced_all

local function pace(lane, counter, n)
  if n == 0 then return end
  if not paced then paced, paced_all = {}, { 0, 0, 0, 0, 0, 0, 0, 0, 0 } end
  local mine = paced[lane]
  if not mine then
    mine = { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    paced[lane] = mine
  end
  mine[counter] = mine[counter] + n
  paced_all[counter] = paced_all[counter] + n
end

-- Two commands that carry the whole string cost Redis half of what BITFIELD does with a command per counter.
local function add_pace(key, sums, secs)
  local a, b, c, d, e, f, g, h, i = unpack(sums)
  local stored = call('GET', key)
  if stored and #stored == 72 then
    local a0, b0, c0, d0, e0, f0, g0, h0, i0 = struct.unpack('>i8i8i8i8i8i8i8i8i8', stored)
    a, b, c, d, e, f, g, h, i = a + a0, b + b0, c + c0, d + d0, e + e0, f + f0, g + g0, h + h0, i + i0
  end
  call('SET', key, struct.pack('>i8i8i8i8i8i8i8i8i8', a, b, c, d, e, f, g, h, i), 'EX', secs)
end

local function keep_pace()
  if not paced then return end
  local minute = P .. 'pace:' .. MINUTE
  add_pace(P .. 'pace_hour:' .. HOUR, paced_all, 36 * 86400)
  add_pace(minute, paced_all, 7500)
  for lane, mine in pairs(paced) do add_pace(minute .. ':' .. lane, mine, 7500) end
end

-- Remembers n jobs that came to an end: lines as in `ended.rs`, the last one ended last. They are stored as one element, under
-- the number of its last line; the oldest elements go, faster than new ones come.
local function keep_ended(n, lines)
  local last = call('INCRBY', ENDED_COUNT, n)
  call('LPUSH', ENDED, string.format('%d', last) .. '\n' .. lines)
  for _ = 1, 2 do
    local number = string.match(call('LINDEX', ENDED, -1), '^%d+')
    if last - number < ENDED_MAX then break end
    call('RPOP', ENDED)
  end
end

-- The same for one job that ends in a script, from its envelope and its history. `more` = further words, or nothing.
local function ended(letter, id, envelope, history, more)
  local lane, kind, parent, trace, subject =
    string.match(envelope or '', '^1 (%S+) %d (%S+) %S+ %d+ %d+ %d+ %d+ (%S+) (%S+) ([^ \n]+)')
  if not lane then return end
  local attempts = string.match(history or '', '^1 (%d+) ') or 0
  local words = { 1, letter, id, lane, kind, attempts, 0, 0, string.format('%d', NOW), parent, trace, subject, more }
  keep_ended(1, table.concat(words, ' '))
end

local function delay(member, ms)
  local lane = string.match(member, '^%a:%d:([^:]+):')
  call('ZADD', DELAYED, NOW + ms, member)
  call('HINCRBY', WAITING, lane, 1)
  if ms < SOON_MS then wake() end
end

-- Takes a dead letter off the shelf; what becomes of the job is the caller's business. Returns its record's head.
local function unshelve(id, record)
  local lane, kind, cause, fault, size, unique, priority =
    string.match(record, '^1 (%S+) (%S+) (%S+) (%S+) (%d+) (%S+) (%d)')
  call('ZREM', DEAD, id)
  call('HDEL', RECORD, id)
  call('ZREM', P .. 'dead_cause:' .. cause, id)
  call('HDEL', TRIAGE, id)
  if call('EXISTS', P .. 'dead_cause:' .. cause) == 0 then
    call('HDEL', CAUSES, cause)
    call('HDEL', CAUSE_TRIAGE, cause)
  end
  call('DECRBY', DEAD_BYTES, size)
  if call('HINCRBY', DEAD_COUNT, lane .. '|' .. fault, -1) <= 0 then call('HDEL', DEAD_COUNT, lane .. '|' .. fault) end
  return lane, kind, cause, tonumber(size), unique, priority
end

-- Deletes a dead letter for good, with an entry in the stream of removals. `told` = the same as words of an ended job's line:
-- by · operation or - · reason or -.
local function remove(id, record, why, by, reason, told)
  local lane, kind, cause, _, unique = unshelve(id, record)
  ended('c', id, call('HGET', JOB, id), call('HGET', HISTORY, id), told)
  call('HDEL', JOB, id)
  call('HDEL', HISTORY, id)
  if unique ~= '-' then call('HDEL', UNIQUE, unique) end
  call('XADD', REMOVED, 'MAXLEN', '~', 10000, '*', 'id', id, 'lane', lane, 'kind', kind, 'cause', cause,
    'why', why, 'by', by, 'reason', reason)
  count(kind, why, 1)
end

-- What a letter is about, from its record: lane, kind, unique key and subject; of a batch without a unique key its own job, since
-- many batches have the same ends. Empty without a subject. As in `shelf_record.rs`.
local function about(id, record)
  local lane, kind, unique, subject = string.match(record, '^1 (%S+) (%S+) %S+ %S+ %d+ (%S+) %d ([^ \n]+)')
  if not lane or subject == '-' then return '' end
  if unique == '-' and string.find(subject, '…', 1, true) then unique = id end
  return lane .. ' ' .. kind .. ' ' .. unique .. ' ' .. subject
end

local function forget_carried(name)
  call('HDEL', CARRIED, name)
  call('ZREM', CARRIED_AT, name)
end

-- A letter takes over what one about the same thing left behind when it was replayed (put_back.lua). Returns its record, with
-- the words that tell that it came back.
local function take_over(id, record)
  local name = about(id, record)
  local carried = name ~= '' and call('HGET', CARRIED, name)
  if not carried then return record end
  forget_carried(name)
  local ms, words, triage = string.match(carried, '^(%d+) (%d+ %S+)\n(.*)$')
  if not ms or NOW - ms > CARRIED_MS then return record end
  if triage ~= '' then call('HSET', TRIAGE, id, triage) end
  local line = string.find(record, '\n', 1, true)
  return string.sub(record, 1, line - 1) .. ' ' .. words .. string.sub(record, line)
end

local EVICTED = 'the shelf is over its byte budget'

-- Puts a job on the shelf. `budget` bounds the shelf's bytes: the oldest go, at most 20 a call, each with its entry.
local function shelve(id, cause, cause_text, record, budget)
  local lane, kind, _, fault, size = string.match(record, '^1 (%S+) (%S+) (%S+) (%S+) (%d+) ')
  call('ZADD', DEAD, NOW, id)
  call('HSET', RECORD, id, take_over(id, record))
  call('ZADD', P .. 'dead_cause:' .. cause, NOW, id)
  call('HSET', CAUSES, cause, cause_text)
  call('HINCRBY', DEAD_COUNT, lane .. '|' .. fault, 1)
  pace(lane, LETTERS, 1)
  local total = call('INCRBY', DEAD_BYTES, size)
  local evicted = {}
  while total > budget and #evicted < 20 do
    local oldest = call('ZRANGE', DEAD, 0, 0)[1]
    if not oldest or oldest == id then break end
    local old = call('HGET', RECORD, oldest)
    remove(oldest, old, 'evicted', 'queue', EVICTED, 'queue - ' .. string.gsub(EVICTED, ' ', '%%20'))
    total = tonumber(call('GET', DEAD_BYTES))
    evicted[#evicted + 1] = oldest
  end
  return total, evicted
end

-- New jobs. Sections: envelopes (id, bytes …) · unique keys (key, id …) · ready groups (lane, priority, ids) ·
-- delays (member, ms …) · bytes (lane, n …). `free` = ids that give up their unique keys in the same step.
-- Call `taken` first: it changes nothing and lists the unique keys that belong to another open job.
local function read_orders()
  local o = {}
  o.jobs, o.jobs_n = range()
  o.keys, o.keys_n = range()
  o.uniques, o.uniques_n = range()
  o.groups = {}
  for g = 1, tonumber(take()) do
    local lane, priority = take(), take()
    local first, n = range()
    o.groups[g] = { lane, priority, first, n }
  end
  o.delays, o.delays_n = range()
  o.bytes, o.bytes_n = range()
  return o
end

local function taken(o, free_first, free_n)
  if o.keys_n == 0 then return nil end
  local holders = read_chunked('HMGET', UNIQUE, ARGV, o.keys, o.keys_n)
  local out, free
  for i = 1, o.keys_n do
    local holder = holders[i]
    if holder then
      if not free then
        free = {}
        for j = free_first, free_first + free_n - 1 do free[ARGV[j]] = true end
      end
      if not free[holder] then
        out = out or {}
        out[#out + 1] = ARGV[o.keys + i - 1]
        out[#out + 1] = holder
      end
    end
  end
  return out
end

local function admit(o)
  if o.jobs_n > 0 then chunked('HSET', JOB, ARGV, o.jobs, o.jobs_n) end
  if o.uniques_n > 0 then chunked('HSET', UNIQUE, ARGV, o.uniques, o.uniques_n) end
  for g = 1, #o.groups do
    local lane, priority, first, n = unpack(o.groups[g])
    chunked('RPUSH', ready(lane, priority), ARGV, first, n)
    pace(lane, ENQUEUED, n)
    activate(lane)
  end
  if #o.groups > 0 then wake() end
  for i = o.delays, o.delays + o.delays_n - 1, 2 do
    delay(ARGV[i], tonumber(ARGV[i + 1]))
    pace(string.match(ARGV[i], '^%a:%d:([^:]+):'), ENQUEUED, 1)
  end
  for i = o.bytes, o.bytes + o.bytes_n - 1, 2 do call('HINCRBY', BYTES, ARGV[i], ARGV[i + 1]) end
end
