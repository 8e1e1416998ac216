-- Tells whether a person accepted this.
-- KEYS    items of the record (HASH <kind>:<about> -> number)
-- ARGV    prefix of items, <kind>:<about>
-- result  1 accepted, 0 open, dismissed or not there
local id = redis.call('HGET', KEYS[1], ARGV[2])
if id and redis.call('HGET', ARGV[1] .. id, 'state') == 'accepted' then return 1 end
return 0
