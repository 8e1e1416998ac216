-- replay: puts dead letters back into their lanes. KEYS[1] prefix.
-- ARGV: n, then per letter: id · new history. Result: ids that were put back.
local back = {}
for _ = 1, tonumber(take()) do
  local id, history = take(), take()
  local record = call('HGET', RECORD, id)
  if record and put_back(id, record, history) then back[#back + 1] = id end
end
if #back > 0 then wake() end
return back
