-- Reads one page of the review list, newest number first.
-- KEYS    index
-- ARGV    prefix of items, upper bound of the number as ZREVRANGEBYSCORE takes it, most items
-- result  the items
local page = {}
for i, id in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[2], '-inf', 'LIMIT', 0, ARGV[3])) do
  page[i] = view(ARGV[1], id)
end
return page
