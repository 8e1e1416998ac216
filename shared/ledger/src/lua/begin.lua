-- Asks, right before a push, whether each record still has to be written; if so, marks it as pending,
-- because from now on the target may hold something that the row does not know of.
-- KEYS    the bucket of each record
-- ARGV    per record: field, version (8 bytes), fingerprint (16 bytes)
-- result  one letter per record: c write it, u the target has it, s a newer version was seen
local verdicts = {}
for i = 1, #KEYS do
  local field, version, print = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local row = read_row(KEYS[i], field)
  if older(version, row.seen) then
    verdicts[i] = 's'
  elseif settled(row) and print == row.print and not older(row.delivered, version) then
    verdicts[i] = 'u'
  else
    verdicts[i] = 'c'
    row.seen = version
    set(row, PENDING)
    -- This push starts after whatever unsettled the record. A push that was on its way then does not come by here again, so
    -- its delivery leaves the mark standing.
    clear(row, UNSETTLED)
    write_row(KEYS[i], field, row)
  end
end
return table.concat(verdicts)
