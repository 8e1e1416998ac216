-- What a person accepted, with the facts that were accepted.
-- KEYS    items of the record (HASH <kind>:<about> -> number)
-- ARGV    prefix of items, <kind>:<about>
-- result  the item; nil when it is open, dismissed or not there
local id = redis.call('HGET', KEYS[1], ARGV[2])
if id and redis.call('HGET', ARGV[1] .. id, 'state') == 'accepted' then return view(ARGV[1], id) end
return false
