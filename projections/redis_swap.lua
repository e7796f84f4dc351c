-- Puts hashes that were prepared beside the old ones in their place, if the old
-- ones still stand where the caller found them unfit.
-- KEYS: the hash of experiments, that of the context, their position, the digest,
--       the two prepared hashes
-- ARGV: the position and digest they have now (empty for none), the new ones, the
--       channel, the number of fields that were prepared of each
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return ''
end
local position, digest = read(KEYS[3]), read(KEYS[4])
if position ~= ARGV[1] or digest ~= ARGV[2] then
  redis.call('DEL', KEYS[5], KEYS[6])
  return {0, position, digest}
end
for key = 1, 2 do
  if redis.call('HLEN', KEYS[key + 4]) ~= tonumber(ARGV[key + 5]) then
    return redis.error_reply('ERR a prepared hash is not whole')
  end
end
for key = 1, 2 do
  if tonumber(ARGV[key + 5]) == 0 then
    redis.call('DEL', KEYS[key])
  else
    redis.call('RENAME', KEYS[key + 4], KEYS[key])
    redis.call('PERSIST', KEYS[key])
  end
end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[3])
return {1, ARGV[3], ARGV[4]}
