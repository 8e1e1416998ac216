-- Records that the target has taken the records of one batch: rows and audit entry together.
-- KEYS    audit stream, meta, then the bucket of each record
-- ARGV    header, most records kept in the audit, then per record:
--         field, action, version (8 bytes), fingerprint (16 bytes), target id (tagged, '' keeps the known one), detail
-- result  one digit per record: 0 recorded, 1 came after a newer version (recorded as conflict, to be pushed again)
local rows, items, late = {}, {}, {}
for i = 1, #KEYS - 2 do
  local at = 6 * i - 3
  local field, action, version, print = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local row = read_row(KEYS[i + 2], field)
  local before = has(row, DELIVERED) and row.print or ''
  link(row, ARGV[at + 4])
  late[i] = '0'
  if has(row, DELIVERED) and older(version, row.delivered) then
    late[i] = '1'
    action = CONFLICT
    set(row, PENDING)
  else
    clear(row, EXCLUDED + REFUSED + PENDING)
    set(row, DELIVERED)
    row.seen = newest(row.seen, version)
    row.delivered, row.print = version, print
  end
  items[i] = item(row, field, action, version, before, print, ARGV[at + 5])
  rows[i] = row
end
local entry = append(KEYS[1], KEYS[2], ARGV[1], items, tonumber(ARGV[2]))
for i = 1, #rows do
  rows[i].entry = entry
  write_row(KEYS[i + 2], ARGV[6 * i - 3], rows[i])
end
return table.concat(late)
