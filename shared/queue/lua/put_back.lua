-- Puts a dead letter back into its lane, at the end, with this history. False when its envelope is missing.
local function put_back(id, record, history)
  local size = call('HSTRLEN', JOB, id)
  if size == 0 then return false end
  local lane, kind, _, _, _, priority = unshelve(id, record)
  call('HSET', HISTORY, id, history)
  call('HINCRBY', BYTES, lane, size)
  count(kind, 'replayed', 1)
  call('RPUSH', ready(lane, priority), id)
  activate(lane)
  return true
end
