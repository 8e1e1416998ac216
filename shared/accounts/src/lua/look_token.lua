#!lua flags=allow-oom
-- Reads a token and the account of its owner, and notes its use at most once per `every`.
-- KEYS tokens, accounts, uses · ARGV digest, now, every ms
-- Returns nothing, or what it allows (JSON), account (JSON).
local now = tonumber(ARGV[2])
local json = redis.call('HGET', KEYS[1], ARGV[1])
if not json then return false end
local token = cjson.decode(json)
local account = redis.call('HGET', KEYS[2], token.owner_key)
if not account or now >= tonumber(token.expires_at) then return false end
local used = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0')
if now - used >= tonumber(ARGV[3]) then redis.call('HSET', KEYS[3], ARGV[1], now) end
return {json, account}
