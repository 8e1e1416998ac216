-- Forgets an entity's checkpoint, so that the next poll reads from the beginning; leaves an audit entry.
-- KEYS    audit stream, meta, checkpoint
-- ARGV    header, most records kept in the audit, subject of the entry, reason
-- result  1 there was a checkpoint, 0 there was none
local CHECKPOINT_RESET = 11
local nobody = { flags = 0, entry = NO_ENTRY, target = '' }
local entry = item(nobody, ARGV[3], CHECKPOINT_RESET, '', '', '', ARGV[4])
append(KEYS[1], KEYS[2], ARGV[1], { entry }, tonumber(ARGV[2]))
return redis.call('DEL', KEYS[3])
