-- Puts a hash that was prepared beside the old one in its place, if the old one
-- still stands where the caller found it unfit.
-- KEYS: the hash, its position, its digest, the prepared hash
-- ARGV: the position and digest it has now (empty for none), the new ones, the
--       channel, the number of fields that were prepared
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return ''
end
local position, digest = read(KEYS[2]), read(KEYS[3])
if position ~= ARGV[1] or digest ~= ARGV[2] then
  redis.call('DEL', KEYS[4])
  return {0, position, digest}
end
local fields = tonumber(ARGV[6])
if redis.call('HLEN', KEYS[4]) ~= fields then
  return redis.error_reply('ERR the prepared hash is not whole')
end
if fields == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('RENAME', KEYS[4], KEYS[1])
  redis.call('PERSIST', KEYS[1])
end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[3])
return {1, ARGV[3], ARGV[4]}
