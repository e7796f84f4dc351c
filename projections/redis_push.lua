-- Moves the hashes from one position to a later one, all or nothing, if they
-- still stand where the caller believes.
-- KEYS: the hash of experiments, that of the context, their position, the digest
-- ARGV: the position and digest they have now (empty for none), the new ones, the
--       channel; then for each hash: the number of fields to set, field and value
--       of each, the number of fields to delete, each of them
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return ''
end
local position, digest = read(KEYS[3]), read(KEYS[4])
if position ~= ARGV[1] or digest ~= ARGV[2] or tonumber(ARGV[3]) <= tonumber(position) then
  return {0, position, digest}
end
local at = 6
for key = 1, 2 do
  local last = at + 2 * tonumber(ARGV[at])
  for i = at + 1, last, 2 do
    redis.call('HSET', KEYS[key], ARGV[i], ARGV[i + 1])
  end
  at = last + 1
  last = at + tonumber(ARGV[at])
  for i = at + 1, last do
    redis.call('HDEL', KEYS[key], ARGV[i])
  end
  at = last + 1
end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[3])
return {1, ARGV[3], ARGV[4]}
