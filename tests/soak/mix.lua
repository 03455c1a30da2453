-- SPDX-License-Identifier: Apache-2.0
--
-- What clients ask, mixed, until COUNT answers have come:
--
--     wrk -t1 ... -s mix.lua URL -- COUNT FIRST
--
-- Each kind stands in a round as often as it is asked in every twenty requests. FIRST, a
-- number, makes bodies that no other run has sent. The last line of the output is one JSON
-- object: how many were asked and answered, and how many answers had which status. It ends
-- wrk from inside, which otherwise only ends by the clock.

local ROUND = {
    "hit", "hit_streamed", "hit", "miss", "hit", "fresh_streamed", "hit", "miss_streamed",
    "hit", "fresh", "hit", "malformed", "hit", "miss", "hit", "fault", "hit_streamed",
    "fresh_streamed", "hit", "fresh",
}
local QUESTIONS = 16 -- asked again and again: hits

local CHAT = '{"model":"chat","messages":[{"role":"user","content":"question %d"}],%s}'
local MEMBERS = {
    hit = '"temperature":0',
    hit_streamed = '"temperature":0,"stream":true',
    miss = '"temperature":0',
    miss_streamed = '"temperature":0,"stream":true',
    fresh = '"temperature":1',
    fresh_streamed = '"temperature":1,"stream":true',
}

local statuses = {}
local limit, first, asked, answered = 0, 0, 0, 0

function init(args)
    limit, first = tonumber(args[1]), tonumber(args[2])
    asked = first
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

local function body(kind)
    if kind == "malformed" then
        return '{"model":"chat","messages":[{"role":"user",'
    end
    if kind == "fault" then -- plain and streamed in turn
        local streamed = math.floor(asked / #ROUND) % 2 == 0 and "true" or "false"
        return CHAT:format(asked, '"temperature":0,"fault":true,"stream":' .. streamed)
    end
    if kind == "hit" or kind == "hit_streamed" then
        return CHAT:format(asked % QUESTIONS, MEMBERS[kind])
    end
    return CHAT:format(QUESTIONS + asked, MEMBERS[kind])
end

function request()
    asked = asked + 1
    return wrk.format(nil, nil, nil, body(ROUND[asked % #ROUND + 1]))
end

local function tell()
    local counts = {}

    for status, count in pairs(statuses) do
        table.insert(counts, string.format('"%d": %d', status, count))
    end
    io.write(string.format('{"asked": %d, "answered": %d, "statuses": {%s}}\n',
        asked - first, answered, table.concat(counts, ", ")))
    io.flush()
end

function response(status)
    statuses[status] = (statuses[status] or 0) + 1
    answered = answered + 1
    if answered == limit then
        tell()
        os.exit(0)
    end
end
