-- Fragment, put in front of every script that touches the review list.
--
-- An item is a HASH: flow, key, kind, about, summary, facts (JSON), state, first_at, last_at (ms), times, and where there is
-- one: job, decided_by, decided_at (ms), note, revision (of the facts; 1 without it). Its number stands in the index `all`, in the one of its state, and, while it is
-- decided, in `decided`.

-- An item as Rust takes it: number, then fields and values.
local function view(items, id)
  return { id, redis.call('HGETALL', items .. id) }
end

local function move(index, id, before, after)
  if before then redis.call('ZREM', index .. before, id) end
  redis.call('ZADD', index .. after, id, id)
end
