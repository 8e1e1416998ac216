#!lua flags=allow-oom
-- Notes a browser in which somebody has logged in. Only who had the right password comes here.
-- KEYS device · ARGV name, for how many ms
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
