-- replay: puts dead letters back into their lanes. KEYS[1] prefix.
-- ARGV: n, then per letter: id · its history as it was seen, '' for none · new history.
-- Result: {ids that were put back, ids whose history is another one by now: somebody edited them, or they died again}.
local back, changed = {}, {}
for _ = 1, tonumber(take()) do
  local id, seen, history = take(), take(), take()
  local record = call('HGET', RECORD, id)
  if record then
    if (call('HGET', HISTORY, id) or '') ~= seen then
      changed[#changed + 1] = id
    elseif put_back(id, record, history) then
      back[#back + 1] = id
    end
  end
end
if #back > 0 then wake() end
return { back, changed }
