-- Fragment, put after row.lua in scripts that write the audit trail.
--
-- One stream entry holds the records of one batch, which share time, window and job:
--   1      layout (1)
--   2-3    number of records
--   then   header from Rust: 8 bytes time, window and job with their lengths
--   then   one item per record, as `item` builds it
local CONFLICT = 7

-- Splits ARGV's form of a target id: '' none, 'n' + 8 bytes, 't' + text.
local function link(row, tagged)
  if tagged == '' then return end
  clear(row, NUMERIC + TEXT)
  set(row, string.sub(tagged, 1, 1) == 'n' and NUMERIC or TEXT)
  row.target = string.sub(tagged, 2)
end

local function item(row, field, action, version, before, after, detail)
  local flags, target, previous = 0, '', ''
  if version ~= '' then flags = flags + 1 end
  if before ~= '' then flags = flags + 2 end
  if after ~= '' then flags = flags + 4 end
  if has(row, NUMERIC) then
    flags, target = flags + 8, row.target
  elseif has(row, TEXT) then
    flags, target = flags + 16, string.char(#row.target) .. row.target
  end
  if row.entry ~= NO_ENTRY then flags, previous = flags + 32, row.entry end
  if detail ~= '' then flags, detail = flags + 64, struct.pack('>I2', #detail) .. detail end
  return string.char(action, flags) .. struct.pack('>I2', #field) .. field
    .. version .. before .. after .. target .. previous .. detail
end

-- Drops the oldest entries beyond `limit` records; the work is bounded by what this call added.
local function trim(stream, meta, added, limit)
  local excess = tonumber(redis.call('HGET', meta, 'audit_records')) - limit
  local budget = added + 64
  while excess > 0 and budget > 0 do
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 16)
    if #oldest < 2 then return end
    for i = 1, #oldest - 1 do
      if excess <= 0 or budget <= 0 then break end
      local count = struct.unpack('>I2', string.sub(oldest[i][2][2], 2, 3))
      redis.call('XDEL', stream, oldest[i][1])
      redis.call('HINCRBY', meta, 'audit_records', -count)
      excess, budget = excess - count, budget - count
    end
  end
end

-- Appends one entry and returns its id in the nine bytes that a row keeps.
local function append(stream, meta, header, items, limit)
  local id = redis.call('XADD', stream, '*', 'e',
    string.char(1) .. struct.pack('>I2', #items) .. header .. table.concat(items))
  redis.call('HINCRBY', meta, 'audit_records', #items)
  trim(stream, meta, #items, limit)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  ms, sequence = tonumber(ms), tonumber(sequence)
  -- Only a server clock that stands still for 16 million entries gets there: the chain then ends, nothing breaks.
  if sequence > 16777215 then return NO_ENTRY end
  return struct.pack('>I2I4I3', math.floor(ms / 4294967296), ms % 4294967296, sequence)
end
