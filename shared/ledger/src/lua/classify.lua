-- Tells for each sighted record whether it has to be pushed, and remembers the newest version seen.
-- KEYS    the bucket of each record
-- ARGV    per record: field, version (8 bytes), fingerprint (16 bytes)
-- result  one letter per record: c changed, u unchanged, s superseded
local verdicts = {}
for i = 1, #KEYS do
  local field, version, print = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local row = read_row(KEYS[i], field)
  if settled(row) and print == row.print and not older(row.delivered, row.seen) then
    verdicts[i] = 'u'
    if older(row.delivered, version) then
      row.delivered, row.seen = version, version
      write_row(KEYS[i], field, row)
    end
  elseif older(version, row.seen) then
    verdicts[i] = 's'
  else
    verdicts[i] = 'c'
    if row.seen ~= version then
      row.seen = version
      write_row(KEYS[i], field, row)
    end
  end
end
return table.concat(verdicts)
