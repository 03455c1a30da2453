-- SPDX-License-Identifier: Apache-2.0
--
-- Posts one body again and again, or a different one each time:
--
--     wrk ... -s post.lua URL -- BODY [FIRST]
--
-- BODY is a file. With FIRST, a number, the twelve digits 000000000000 in the body are
-- replaced by FIRST, FIRST + 1, ...: the length stays, the bytes differ. The last line
-- of the output is one JSON object.

local PLACE = "000000000000"

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")

    file:close()
    return text
end

-- The text before and after the place, cut once, so that a request is one concatenation.
local function count_from(first)
    local text = wrk.format("POST")
    local at, last = text:find(PLACE, 1, true)
    local before, after = text:sub(1, at - 1), text:sub(last + 1)
    local next_number = first - 1

    function request()
        next_number = next_number + 1
        return before .. string.format("%012.0f", next_number) .. after
    end
end

function init(args)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = read(args[1])
    if args[2] then
        count_from(tonumber(args[2]))
    end
end

function done(summary, latency)
    local errors = summary.errors

    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50),
        latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
