-- Replaces a stored secret by the same one sealed anew, unless somebody has set or deleted it meanwhile.
-- KEYS[1] hash of secrets · ARGV[1] field · ARGV[2] stored value as it was read · ARGV[3] new value
-- Returns 1 when replaced, else 0.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
