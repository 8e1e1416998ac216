-- Takes, or extends, a lease on each name for one holder.
-- KEYS    the lease of each name (STRING, holder, expires)
-- ARGV    holder, time to live in milliseconds
-- result  one digit per name: 1 held now, 0 somebody else holds it
local held = {}
for i = 1, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if not holder or holder == ARGV[1] then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    held[i] = '1'
  else
    held[i] = '0'
  end
end
return table.concat(held)
