-- Moves the hash from one position to a later one, all or nothing, if it still
-- stands where the caller believes.
-- KEYS: the hash, its position, its digest
-- ARGV: the position and digest it has now (empty for none), the new ones, the
--       channel, the number of fields to set, then field and value of each,
--       then the fields to delete
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return ''
end
local position, digest = read(KEYS[2]), read(KEYS[3])
if position ~= ARGV[1] or digest ~= ARGV[2] or tonumber(ARGV[3]) <= tonumber(position) then
  return {0, position, digest}
end
local first = 7
local last = first + 2 * tonumber(ARGV[6])
for i = first, last - 1, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = last, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[3])
return {1, ARGV[3], ARGV[4]}
