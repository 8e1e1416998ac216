-- Closes a window whose pass was complete and stable, and moves the checkpoint with it.
-- KEYS    window, pages, open, checkpoint
-- ARGV    pass, closed at (ms), rows counted after the pass or '' (a walk by key needs no count),
--         new mark (8 bytes) or '', change field (JSON), entries kept in the checkpoint
-- result  {'closed', 0|1 checkpoint moved}, {'already'}, {'abandoned'}, {'stale_pass', current},
--         {'incomplete', pages, expected or -1}, {'unstable', lowest or -1, highest or -1}, {'missing'}
local window = KEYS[1]
local state, pass, slot, mode = redis.call('HGET', window, 'state'), redis.call('HGET', window, 'pass'),
  redis.call('HGET', window, 'slot'), redis.call('HGET', window, 'mode')
if not state then return {'missing'} end
if state == 'closed' then return {'already'} end
if state ~= 'open' then return {'abandoned'} end
if pass ~= ARGV[1] then return {'stale_pass', tonumber(pass)} end
local expected = tonumber(redis.call('HGET', window, 'expected') or '')
local marked = redis.call('HLEN', KEYS[2])
if not expected or marked < expected then return {'incomplete', marked, expected or -1} end
if mode == 'skip' then
  local low = tonumber(redis.call('HGET', window, 'rows_low') or '')
  local high = tonumber(redis.call('HGET', window, 'rows_high') or '')
  local after = tonumber(ARGV[3])
  if not after or low ~= after or high ~= after then return {'unstable', low or -1, high or -1} end
end
redis.call('HSET', window, 'state', 'closed', 'closed_at', ARGV[2], 'pages', marked)
redis.call('UNLINK', KEYS[2])
local number = string.match(window, ':win:(%d+)$')
if slot ~= '' and redis.call('HGET', KEYS[3], slot) == number then redis.call('HDEL', KEYS[3], slot) end
local moved = 0
if ARGV[4] ~= '' then
  local field, high = redis.call('HGET', KEYS[4], 'field'), redis.call('HGET', KEYS[4], 'high')
  -- Marks of two change fields cannot be compared; only a reset lets the entity change its field.
  if (not field or field == ARGV[5]) and not (high and older(ARGV[4], high)) then
    local opened = tonumber(redis.call('HGET', window, 'opened_at'))
    local recent = redis.call('HGET', KEYS[4], 'recent') or ''
    -- Polls in quick succession must not push out the marks of minutes ago: of those within five seconds the last one stays.
    if #recent >= 32 then
      local high_half, low_half = struct.unpack('>I4I4', string.sub(recent, -32, -25))
      if opened - (high_half * 4294967296 + low_half) < 5000 then recent = string.sub(recent, 1, -17) end
    end
    recent = recent .. struct.pack('>I4I4', math.floor(opened / 4294967296), opened % 4294967296) .. ARGV[4]
    redis.call('HSET', KEYS[4], 'field', ARGV[5], 'high', ARGV[4],
      'recent', string.sub(recent, -16 * tonumber(ARGV[6])))
    if not high or high ~= ARGV[4] then moved = 1 end
  end
end
return {'closed', moved}
