-- Fragment, put in front of every script that touches a record's row.
--
-- A row is one packed value in a bucket (HASH), at most 64 bytes so that the bucket stays a listpack:
--   1      flags
--   2-9    newest version seen        \  signed 64 bits, sign bit flipped, big-endian;
--   10-17  version last delivered     /  eight zero bytes mean "none"
--   18-33  fingerprint last delivered
--   34-42  id of the record's last audit entry (48 bits of ms, 24 bits of sequence); zeroes mean "none"
--   43-    id at the target: 8 bytes when it is a decimal number, else its text
local EXCLUDED, REFUSED, DELIVERED, PENDING, NUMERIC, TEXT, UNSETTLED = 1, 2, 4, 8, 16, 32, 64
local NO_VERSION, NO_ENTRY, NO_PRINT = string.rep('\0', 8), string.rep('\0', 9), string.rep('\0', 16)
local NO_ROW = string.rep('\0', 42)

-- Versions exceed 2^53, where Lua's numbers lose digits; and Lua compares strings by the server's locale,
-- not by bytes. Two halves of 32 bits are exact.
local function older(a, b)
  local a_high, a_low = struct.unpack('>I4I4', a)
  local b_high, b_low = struct.unpack('>I4I4', b)
  return a_high < b_high or (a_high == b_high and a_low < b_low)
end

local function newest(a, b)
  if older(a, b) then return b end
  return a
end

local function read_row(bucket, field)
  local value = redis.call('HGET', bucket, field) or NO_ROW
  return {
    flags = string.byte(value, 1),
    seen = string.sub(value, 2, 9),
    delivered = string.sub(value, 10, 17),
    print = string.sub(value, 18, 33),
    entry = string.sub(value, 34, 42),
    target = string.sub(value, 43),
  }
end

local function write_row(bucket, field, row)
  redis.call('HSET', bucket, field,
    string.char(row.flags) .. row.seen .. row.delivered .. row.print .. row.entry .. row.target)
end

local function has(row, flag) return bit.band(row.flags, flag) ~= 0 end
local function set(row, flag) row.flags = bit.bor(row.flags, flag) end
local function clear(row, flag) row.flags = bit.band(row.flags, bit.bnot(flag)) end

-- What the target holds is known and in order: something was delivered, no write was begun since, and nobody said that it has
-- to be written again. A record that was kept out meanwhile and is moved again is delivered once more, which takes the mark off.
local function settled(row)
  return has(row, DELIVERED) and not has(row, PENDING) and not has(row, UNSETTLED) and not has(row, EXCLUDED)
end
