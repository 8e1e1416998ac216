-- discard: deletes dead letters for good. KEYS[1] prefix. ARGV: by · reason · ids. Result: ids that were deleted.
local by, reason = take(), take()
local first, n = range()
local gone = {}
for i = first, first + n - 1 do
  local record = call('HGET', RECORD, ARGV[i])
  if record then
    remove(ARGV[i], record, 'discarded', by, reason)
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
