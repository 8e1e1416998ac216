-- bulk_step: one step of an operation on many dead letters: acts on the chosen ones as far as the rate allows, counts them
-- and moves the cursor, all or nothing. KEYS[1] prefix.
-- ARGV: id · cursor from which the step was prepared · cursor behind all that was looked at · letters looked at · 1 when
-- that was the end · who and which operation as words of an ended job's line · n, then per chosen letter: id · ms of its death · SHA-1 of its history as it was seen · cursor before
-- it · letters looked at before it · new history ('' for discard).
-- Result: {state, ms until the next step, acted}; state "moved" = another process was quicker, nothing was done.
local BATCH_MS = 100   -- with a rate, wait for about so much of it instead of for single letters
local BATCH_MAX = 100
local id, from, to, looked, ended = take(), take(), take(), tonumber(take()), take() == '1'
local told, n = take(), tonumber(take())
local key = P .. 'bulk:' .. id
local f = call('HMGET', key, 'state', 'cursor', 'verb', 'rate', 'tokens', 'tokens_at', 'by', 'reason')
local state, cursor_now, verb, rate, tokens, tokens_at, by, reason =
  f[1], f[2], f[3], tonumber(f[4]), tonumber(f[5]), tonumber(f[6]), f[7], f[8]
if state ~= 'running' then return { state or 'gone', 0, 0 } end
if cursor_now ~= from then return { 'moved', 0, 0 } end
local allowed, micros = n, time[1] * 1000000 + time[2]
if rate then
  tokens = math.min(math.max(rate, 1), tokens + math.max(micros - tokens_at, 0) / 1000000 * rate)
  allowed = math.min(n, math.floor(tokens + 0.000001))
end
local acted, passed, wait = 0, 0, 0
for i = 1, n do
  local letter, ms, digest, before, looked_before, history = take(), take(), take(), take(), take(), take()
  if i > allowed then
    to, looked, ended = before, tonumber(looked_before), false
    break
  end
  local score, record = call('ZSCORE', DEAD, letter), call('HGET', RECORD, letter)
  -- Discarded, replayed, edited, or dead anew since it was seen: not ours any more.
  local same = score and record and tonumber(score) == tonumber(ms)
    and redis.sha1hex(call('HGET', HISTORY, letter) or '') == digest
  if same and verb == 'discard' then
    remove(letter, record, 'discarded', by, reason, told)
    acted = acted + 1
  elseif same and put_back(letter, record, history) then
    acted = acted + 1
  else
    passed = passed + 1
  end
end
if acted > 0 and verb ~= 'discard' then wake() end
if rate then
  -- One that was passed over costs nothing.
  tokens = tokens - acted
  if n > allowed then
    local enough = math.min(math.max(rate * BATCH_MS / 1000, 1), BATCH_MAX)
    wait = math.max(math.ceil((enough - tokens) / rate * 1000), 1)
  end
  call('HSET', key, 'tokens', string.format('%.6f', tokens), 'tokens_at', string.format('%.0f', micros))
end
call('HSET', key, 'cursor', to)
if acted > 0 then call('HINCRBY', key, 'acted', acted) end
if passed > 0 then call('HINCRBY', key, 'passed', passed) end
if looked > 0 then call('HINCRBY', key, 'looked', looked) end
if ended then
  state = 'done'
  call('HSET', key, 'state', 'done', 'ended', string.format('%d', NOW))
  call('ZREM', BULKS_OPEN, id)
end
return { state, wait, acted }
