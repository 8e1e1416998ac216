-- What is left of each budget, for the gauges and for people.
--
-- KEYS[1]   hash of the connection's budgets
-- KEYS[2..] sorted sets of requests in flight, one per concurrency budget, in the order of ARGV
-- ARGV      four per budget: kind, family, and
--   P  limit, window us + margin us        D  limit (0 = unknown), offset of the zone in s        C  most in flight, -
-- Result: five numbers per budget: what is left (-1 = no limit is known), the limit, us until it is whole again, us for which it
--         is blocked, us in which the limit counts (0 = at a time)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function get(family, fact)
  return tonumber(redis.call('HGET', KEYS[1], family .. '.' .. fact) or '')
end
local result, set_index = {}, 1
for first = 1, #ARGV, 4 do
  local kind, family, a, b = ARGV[first], ARGV[first + 1], tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
  local left, whole, span = 0, 0, 0
  if kind == 'P' then
    local limit, window = a, b
    if (get(family, 'learned_at') or 0) >= now - 600000000 then
      limit, window = get(family, 'limit') or a, get(family, 'window') or b
    end
    local ahead = math.max(0, (get(family, 'tat') or now) - now)
    left = math.max(0, limit - math.ceil(ahead * limit / window))
    a, whole, span = limit, ahead, window
  elseif kind == 'D' then
    local limit = get(family, 'limit') or a
    local local_s = math.floor(now / 1000000) + (get(family, 'offset') or b)
    local day = math.floor(local_s / 86400)
    local used = get(family, 'day') == day and get(family, 'used') or 0
    left = limit > 0 and math.max(0, limit - used) or -1
    a, whole, span = limit, ((day + 1) * 86400 - local_s) * 1000000, 86400000000
  else
    set_index = set_index + 1
    left = math.max(0, a - redis.call('ZCOUNT', KEYS[set_index], math.floor(now / 1000), '+inf'))
  end
  local blocked = math.max(0, (get(family, 'block') or 0) - now)
  if blocked > 0 then left = 0 end
  for _, number in ipairs({left, a, whole, blocked, span}) do result[#result + 1] = math.floor(number) end
end
return result
