-- Marks records as to be written again, whatever their content. The next `begin` takes the mark off.
-- KEYS    the bucket of each record
-- ARGV    the field of each record
-- result  number of records that have a row; one without is changed at its first sighting anyway
local known = 0
for i = 1, #KEYS do
  if redis.call('HEXISTS', KEYS[i], ARGV[i]) == 1 then
    local row = read_row(KEYS[i], ARGV[i])
    set(row, UNSETTLED)
    write_row(KEYS[i], ARGV[i], row)
    known = known + 1
  end
end
return known
