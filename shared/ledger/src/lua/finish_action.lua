#!lua flags=allow-oom
-- Closes the entry of a person's action that began: what is known now takes its place. One that is long past leaves the new one all
-- the same. A full Redis takes it, as it took the beginning.
-- KEYS    people's actions (STREAM)
-- ARGV    place of the entry that began, about how many are kept, the action as JSON, or '' for one that did nothing
-- result  its place in the stream, or nil for one that did nothing
redis.call('XDEL', KEYS[1], ARGV[1])
if ARGV[3] == '' then return false end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'a', ARGV[3])
