-- Hundreds of users for wrk: each request is the next user's, 80 % reads, 15 % writes, 5 % heavy lists.
-- LOAD_REQUESTS names a file of lines "user<TAB>token", each followed by lines "read|write|list<TAB>body";
-- LOAD_THINK is the mean pause before a request, in milliseconds; LOAD_SEED makes the same draws again, and
-- LOAD_RUN tells the numbers of one run from those of another.

local users, turn, number, think = {}, 0, 0, tonumber(os.getenv("LOAD_THINK"))
local run = os.getenv("LOAD_RUN")
-- Global for thread:get() below.
reads, writes, lists, failures, failure = 0, 0, 0, 0, ""

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  math.randomseed(tonumber(os.getenv("LOAD_SEED")))
  local user
  for line in io.lines(os.getenv("LOAD_REQUESTS")) do
    local kind, value = line:match("^(%a+)\t(.*)$")
    if kind == "user" then
      user = {headers = {["Authorization"] = "Bearer " .. value, ["Content-Type"] = "application/json"},
              read = {}, write = {}, list = {}}
      table.insert(users, user)
    else
      table.insert(user[kind], value)
    end
  end
  if think > 0 then
    function delay() return math.floor(think * (0.5 + math.random())) end
  end
end

function request()
  turn, number = turn % #users + 1, number + 1
  local user, draw, bodies = users[turn], math.random(100), nil
  if draw <= 80 then
    reads, bodies = reads + 1, user.read
  elseif draw <= 95 then
    writes, bodies = writes + 1, user.write
  else
    lists, bodies = lists + 1, user.list
  end
  local body = bodies[math.random(#bodies)]:gsub("@n", run .. "-" .. number)
  return wrk.format("POST", "/graphql", user.headers, body)
end

function response(status, headers, body)
  if status ~= 200 or body:find('"errors":', 1, true) or body:find('"userErrors":[{', 1, true) then
    failures = failures + 1
    if failure == "" then failure = status .. " " .. body:sub(1, 1000) end
  end
end

function done(summary, latency, requests)
  local thread, errors = threads[1], summary.errors
  local values = {
    requests = summary.requests, seconds = summary.duration / 1e6,
    p50 = latency:percentile(50) / 1e3, p95 = latency:percentile(95) / 1e3, p99 = latency:percentile(99) / 1e3,
    most = latency.max / 1e3,
    reads = thread:get("reads"), writes = thread:get("writes"), lists = thread:get("lists"),
    failures = thread:get("failures"),
    lost = errors.connect + errors.read + errors.write + errors.timeout,
  }
  local file = io.open(os.getenv("LOAD_RESULT"), "w")
  for name, value in pairs(values) do file:write(name, "\t", value, "\n") end
  file:write("failure\t", (thread:get("failure"):gsub("%s+", " ")), "\n")
  file:close()
end
