-- Keeps the book of alerts, as long as the caller leads.
-- KEYS[1] the lead  KEYS[2] the book
-- ARGV[1] who keeps it  ARGV[2] the book as JSON
-- Result: "1" kept, "0" another one leads.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return '0'
end
redis.call('SET', KEYS[2], ARGV[2])
return '1'
