-- extend: prolongs leases. KEYS[1] prefix. ARGV: lease ms · members. Result: indexes (from 0) of the leases that are lost.
local deadline = NOW + tonumber(take())
local members, n = range()
local lost, scores = {}, {}
if n == 0 then return lost end
local leases = read_chunked('ZMSCORE', LEASED, ARGV, members, n)
for i = 1, n do
  if leases[i] then
    scores[#scores + 1] = deadline
    scores[#scores + 1] = ARGV[members + i - 1]
  else
    lost[#lost + 1] = i - 1
  end
end
-- XX is left out on purpose: `chunked` has no room for it, and the members were seen in this very step.
if #scores > 0 then chunked('ZADD', LEASED, scores, 1, #scores) end
return lost
