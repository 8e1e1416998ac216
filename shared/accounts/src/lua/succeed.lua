#!lua flags=allow-oom
-- Takes an attempt back that was no failure: the account's tries are forgotten, the address' lose this one only, so that one
-- good account does not open the door to guessing at others.
-- KEYS tries of the account or browser, tries of the address (where it is known)
redis.call('DEL', KEYS[1])
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then
  if redis.call('HINCRBY', KEYS[2], 'n', -1) <= 0 then
    redis.call('DEL', KEYS[2])
  else
    redis.call('HSET', KEYS[2], 'until', 0)
  end
end
return 1
