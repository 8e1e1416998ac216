-- discard: deletes dead letters for good. KEYS[1] prefix. ARGV: by · reason · both as words of an ended job's line · ids.
-- Result: ids that were deleted.
local by, reason, told = take(), take(), take()
local first, n = range()
local gone = {}
for i = first, first + n - 1 do
  local record = call('HGET', RECORD, ARGV[i])
  if record then
    remove(ARGV[i], record, 'discarded', by, reason, told)
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
