-- Marks records as deliberately not moved. A delivery takes the mark off.
-- KEYS    the bucket of each record
-- ARGV    the field of each record
-- result  number of records that were not marked before
local marked = 0
for i = 1, #KEYS do
  local row = read_row(KEYS[i], ARGV[i])
  if not has(row, EXCLUDED) then
    set(row, EXCLUDED)
    write_row(KEYS[i], ARGV[i], row)
    marked = marked + 1
  end
end
return marked
