-- Finds a place in a sorted set whose members come and go. Part of look.lua and walk.lua.

-- Byte by byte, as Redis sorts members: Lua's own comparison follows the server's locale.
local function not_after(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a <= #b
end

-- How many entries stand before or at this place, and whether the one that stood there still does.
local function rank_behind(key, ms, id)
  local rank, score = call('ZRANK', key, id), call('ZSCORE', key, id)
  if rank and tonumber(score) == tonumber(ms) then return rank + 1, true end
  local low = call('ZCOUNT', key, '-inf', '(' .. ms)
  local high = low + call('ZCOUNT', key, ms, ms)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if not_after(call('ZRANGE', key, middle, middle)[1], id) then low = middle + 1 else high = middle end
  end
  return low, false
end
