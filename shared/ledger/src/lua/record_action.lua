#!lua flags=allow-oom
-- Records what a person did. A full Redis takes this small entry all the same: most of what people do there frees memory, and an
-- action that is done must not be without its entry.
-- KEYS    people's actions (STREAM)
-- ARGV    about how many are kept, the action as JSON
-- result  its place in the stream
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'a', ARGV[2])
