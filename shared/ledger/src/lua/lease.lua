-- Takes, or extends, a lease on each name for one holder.
-- A holder may end in `:` and a fencing token. One with the same name and a lower token is gone, or will be told so: what it
-- held is taken over. Its own late release finds another holder and does nothing.
-- KEYS    the lease of each name (STRING, holder, expires)
-- ARGV    holder, time to live in milliseconds
-- result  one digit per name: 1 held now, 0 somebody else holds it
local name, token = string.match(ARGV[1], '^(.*):(%d+)$')

local function gives_way(holder)
  local theirs, earlier = string.match(holder, '^(.*):(%d+)$')
  return name and theirs == name and tonumber(earlier) < tonumber(token)
end

local held = {}
for i = 1, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if not holder or holder == ARGV[1] or gives_way(holder) then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    held[i] = '1'
  else
    held[i] = '0'
  end
end
return table.concat(held)
