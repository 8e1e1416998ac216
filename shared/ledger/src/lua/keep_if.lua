-- Replaces a kept text only while it is the expected one.
-- KEYS    bucket (HASH subject -> text)
-- ARGV    subject, new text, '1' when a text is expected and '0' when none is, the expected text
-- result  1 replaced, 0 something else is kept
local now = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[3] == '1' and now ~= ARGV[4] or ARGV[3] == '0' and now then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
