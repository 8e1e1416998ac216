-- What is left of each budget, for the gauges.
--
-- KEYS[1]   hash of the connection's budgets
-- KEYS[2..] sorted sets of requests in flight, one per concurrency budget, in the order of ARGV
-- ARGV      four per budget: kind, family, and
--   P  limit, window us + margin us        D  limit (0 = unknown), offset of the zone in s        C  most in flight, -
-- Result: one number per budget; -1 = no limit is known
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function get(family, fact)
  return tonumber(redis.call('HGET', KEYS[1], family .. '.' .. fact) or '')
end
local result, set_index = {}, 1
for first = 1, #ARGV, 4 do
  local kind, family, a, b = ARGV[first], ARGV[first + 1], tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3])
  local left
  if kind == 'P' then
    local limit, window = a, b
    if (get(family, 'learned_at') or 0) >= now - 600000000 then
      limit, window = get(family, 'limit') or a, get(family, 'window') or b
    end
    local ahead = math.max(0, (get(family, 'tat') or now) - now)
    left = math.max(0, limit - math.ceil(ahead * limit / window))
  elseif kind == 'D' then
    local limit = get(family, 'limit') or a
    local day = math.floor((math.floor(now / 1000000) + (get(family, 'offset') or b)) / 86400)
    local used = get(family, 'day') == day and get(family, 'used') or 0
    left = limit > 0 and math.max(0, limit - used) or -1
  else
    set_index = set_index + 1
    left = math.max(0, a - redis.call('ZCOUNT', KEYS[set_index], math.floor(now / 1000), '+inf'))
  end
  if (get(family, 'block') or 0) > now then left = 0 end
  result[#result + 1] = left
end
return result
