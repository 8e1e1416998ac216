-- Records what happened to records without a delivery: superseded, refused, conflict, deleted, excluded ...
-- KEYS    audit stream, meta, then the bucket of each record
-- ARGV    header, most records kept in the audit, then per record:
--         field, action, version (8 bytes or ''), fingerprint (16 bytes or ''), target id (tagged or ''), detail
-- result  number of records
local ACTION_REFUSED, ACTION_DELETED, ACTION_EXCLUDED = 5, 8, 10
local rows, items = {}, {}
for i = 1, #KEYS - 2 do
  local at = 6 * i - 3
  local field, action = ARGV[at], tonumber(ARGV[at + 1])
  local row = read_row(KEYS[i + 2], field)
  local before = has(row, DELIVERED) and row.print or ''
  link(row, ARGV[at + 4])
  items[i] = item(row, field, action, ARGV[at + 2], before, ARGV[at + 3], ARGV[at + 5])
  if action == ACTION_REFUSED then
    set(row, REFUSED)
  elseif action == ACTION_EXCLUDED then
    set(row, EXCLUDED)
  elseif action == ACTION_DELETED then
    -- Nothing stands at the target any more: the next sighting is a change again.
    clear(row, DELIVERED + PENDING + NUMERIC + TEXT)
    row.delivered, row.print, row.target = NO_VERSION, NO_PRINT, ''
  end
  rows[i] = row
end
local entry = append(KEYS[1], KEYS[2], ARGV[1], items, tonumber(ARGV[2]))
for i = 1, #rows do
  rows[i].entry = entry
  write_row(KEYS[i + 2], ARGV[6 * i - 3], rows[i])
end
return #rows
