-- Takes one unit of every budget a request spends, or of none.
--
-- KEYS[1]   hash of the connection's budgets
-- KEYS[2..] sorted sets of requests in flight, one per concurrency budget, in the order of ARGV
-- ARGV[1]   longest wait in microseconds that is worth a reservation
-- ARGV[2]   mark of this request among those in flight
-- ARGV[3]   microseconds by which a new connection delayed one of this process' requests; 0 = none
-- ARGV[4..] seven per budget: kind, family, and
--   P  limit, window us, margin us, learned limit (0 = none), learned window us
--   D  limit (0 = unknown), offset of the zone in s, learned limit (-1 = none), learned remaining, learned offset ('' = none)
--   C  most in flight, lease ms, -, -, -
--
-- Result: {1, wait us, now us, 0}                 taken; send after the wait
--         {0, wait us, now us, n}                 not taken: budget n (from 1) has nothing before that
--         {0, -1, now us, n}                      not taken: budget n is full, ask again soon
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_ms = math.floor(now / 1000)
local book = KEYS[1]
local late = tonumber(ARGV[3])
local DAY = 86400

local function get(family, fact)
  return tonumber(redis.call('HGET', book, family .. '.' .. fact) or '')
end
-- A pace counts for ten minutes after an answer has said it last; then the settings count again.
local function learned(family, fact, default)
  if (get(family, 'learned_at') or 0) < now - 600000000 then return default end
  return get(family, fact) or default
end
local function set(family, fact, number)
  redis.call('HSET', book, family .. '.' .. fact, string.format('%.0f', number))
end

local budgets = {}
local slot, lacking, lacking_until, full = now, 0, now, 0
local set_index = 1
for first = 4, #ARGV, 7 do
  local kind, family = ARGV[first], ARGV[first + 1]
  local a, b, c = tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4])
  local d, e = tonumber(ARGV[first + 5]), tonumber(ARGV[first + 6])
  local budget = { kind = kind, family = family }
  local number = #budgets + 1
  local free_from = get(family, 'block') or now

  if kind == 'P' then
    if d and d > 0 then
      local old_limit, old_window = learned(family, 'limit', a), learned(family, 'window', b)
      local tat = get(family, 'tat') or 0
      if d / e < old_limit / old_window and tat > now then
        -- What is already reserved at the faster pace is paid for at the slower one.
        set(family, 'tat', now + (tat - now) * (old_limit / old_window) / (d / e))
      end
      set(family, 'limit', d)
      set(family, 'window', e)
      set(family, 'learned_at', now)
    end
    local limit, window = learned(family, 'limit', a), learned(family, 'window', b)
    budget.interval = math.ceil((window + c) / limit)
    local tat = get(family, 'tat') or now
    local behind = math.min(late, window)
    if behind > c / 2 then
      -- A request that waited for its connection arrived late, the ones a window later will not: move them back.
      local known = 0
      if (get(family, 'late_at') or 0) > now - window then known = get(family, 'late') or 0 end
      if behind > known then
        tat = math.max(tat, now) + behind - known
        set(family, 'tat', tat)
        set(family, 'late', behind)
        set(family, 'late_at', now)
      end
    end
    free_from = math.max(free_from, tat)
  elseif kind == 'D' then
    if e then set(family, 'offset', e) end
    local offset = get(family, 'offset') or b
    local local_s = math.floor(now / 1000000) + offset
    local day = math.floor(local_s / DAY)
    if get(family, 'day') ~= day then
      set(family, 'day', day)
      set(family, 'used', 0)
    end
    local used = get(family, 'used') or 0
    -- In the first minutes an answer may still speak of yesterday: one such would block the whole day.
    if c and c >= 0 then
      set(family, 'limit', c)
      if local_s % DAY > 120 then
        used = math.max(used, c - d)
        set(family, 'used', used)
      end
    end
    local limit = get(family, 'limit') or a
    budget.used = used
    if limit > 0 and used >= limit then
      free_from = math.max(free_from, ((day + 1) * DAY - offset) * 1000000)
    end
  else
    set_index = set_index + 1
    budget.key, budget.lease = KEYS[set_index], b
    redis.call('ZREMRANGEBYSCORE', budget.key, '-inf', now_ms)
    if redis.call('ZCARD', budget.key) >= a and not redis.call('ZSCORE', budget.key, ARGV[2]) then
      full = number
    end
  end

  slot = math.max(slot, free_from)
  if free_from > lacking_until then lacking, lacking_until = number, free_from end
  budgets[number] = budget
end

if slot - now > tonumber(ARGV[1]) then return { 0, slot - now, now, lacking } end
if full > 0 then return { 0, -1, now, full } end

for _, budget in ipairs(budgets) do
  if budget.kind == 'P' then
    set(budget.family, 'tat', slot + budget.interval)
  elseif budget.kind == 'D' then
    set(budget.family, 'used', budget.used + 1)
  else
    local lease = budget.lease + math.ceil((slot - now) / 1000)
    redis.call('ZADD', budget.key, now_ms + lease, ARGV[2])
    redis.call('PEXPIRE', budget.key, lease)
  end
end
return { 1, slot - now, now, 0 }
