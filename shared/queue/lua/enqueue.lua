-- enqueue: accepts a batch of orders, all or none.
-- KEYS[1] prefix. ARGV: the sections of `read_orders` · counters (field, n …).
-- Result: {"ok", now_ms} or {"taken", unique key, id of the open job, …}: nothing was done, drop those and call again.
local orders = read_orders()
local stats, stats_n = range()
local busy = taken(orders, 1, 0)
if busy then return { 'taken', busy } end
admit(orders)
for i = stats, stats + stats_n - 1, 2 do call('HINCRBY', STATS, ARGV[i], ARGV[i + 1]) end
keep_pace()
return { 'ok', NOW }
