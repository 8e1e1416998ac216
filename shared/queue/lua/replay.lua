-- replay: puts dead letters back into their lanes. KEYS[1] prefix.
-- ARGV: n, then per letter: id · new history · delay ms (0 = at once). Result: ids that were put back.
local back = {}
for _ = 1, tonumber(take()) do
  local id, history, ms = take(), take(), tonumber(take())
  local record, size = call('HGET', RECORD, id), call('HSTRLEN', JOB, id)
  if record and size > 0 then
    local lane, kind, _, _, _, priority = unshelve(id, record)
    call('HSET', HISTORY, id, history)
    call('HINCRBY', BYTES, lane, size)
    count(kind, 'replayed', 1)
    if ms > 0 then
      delay('n:' .. priority .. ':' .. lane .. ':' .. id, ms)
    else
      call('RPUSH', ready(lane, priority), id)
      activate(lane)
    end
    back[#back + 1] = id
  end
end
if #back > 0 then wake() end
return back
