-- KEYS: the roll. ARGV: an edge's id, what it says, how many edges there may be,
-- after how many milliseconds of silence nothing is kept.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    return 0
end
local now = redis.call('TIME')
local millis = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], millis .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
