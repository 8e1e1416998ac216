-- Gives leases back; one that somebody else took over meanwhile is left alone.
-- KEYS    the lease of each name
-- ARGV    holder
-- result  number of leases given back
local released = 0
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    released = released + redis.call('DEL', KEYS[i])
  end
end
return released
