-- Gives up the right to renew a token, if it is still ours.
--
-- KEYS[1] lock
-- ARGV[1] our mark
-- Result: 1 = given up, 0 = it was no longer ours
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
