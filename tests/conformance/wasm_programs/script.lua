-- SPDX-License-Identifier: Apache-2.0
-- Many parts of the language; no errors, since those need setjmp.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(24))
local t = {}
for i = 1, 2000 do t[i] = (i * 7919) % 2003 end
table.sort(t)
print(t[1], t[1000], #t, table.concat(t, ",", 1, 8))
local words = {}
for w in ("the quick brown fox jumps over the lazy dog the end"):gmatch("%a+") do words[w] = (words[w] or 0) + 1 end
local names = {}
for w in pairs(words) do names[#names + 1] = w end
table.sort(names)
for _, w in ipairs(names) do io.write(w, "=", words[w], " ") end
print()
print(string.format("%5.2f|%-6s|%06d|%x|%q|%g", 3.14159, "ab", 42, 255, "a\nb\"c", 1e100))
print(("x"):rep(10), ("hello"):upper(), ("hello"):reverse(), ("a,b,c"):find(",", 1, true), ("abc"):byte(1, -1))
print(("key = value"):match("(%w+)%s*=%s*(%w+)"), (("abc"):gsub("%w", "%0%0")))
print(1 // 0.0, -1 // 0.0, 7 // 2, -7 // 2, 7 % -3, 2 ^ 53, 1 << 62, 5 & 3, 5 | 3, 5 ~ 3, ~0, 10 / 4, 3 | 0)
print(math.maxinteger, math.mininteger, math.maxinteger + 1 == math.mininteger, math.type(1), math.type(1.0), math.floor(-3.5))
local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({x = a.x + b.x}, Point) end
Point.__tostring = function(p) return "Point(" .. p.x .. ")" end
print(tostring(setmetatable({x = 1}, Point) + setmetatable({x = 2}, Point)))
local co = coroutine.wrap(function(...) local a = ... for i = 1, 3 do a = coroutine.yield(a * i) end return "done" end)
if false then print(co(2)) end
local function counter() local n = 0 return function() n = n + 1 return n end end
local c = counter()
c() c()
print(c(), select("#", 1, nil, nil), select(2, "a", "b", "c"))
print(#"\u{48}\u{20AC}", utf8.char(72, 8364), utf8.len("h€y"))
local parts = {}
for k, v in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do parts[#parts + 1] = k .. v end
print(table.unpack(parts))
goto over
print("never")
::over::
print(string.pack("<i4", 100):byte(1, -1))
print(load("return 1 + 1")(), tostring(nil), tonumber("0x1p4"), tonumber("  12  "), tonumber("z", 36), tonumber("1e1"))
collectgarbage()
print(collectgarbage("count") > 0, next({}), rawlen({1, 2}), rawequal(t, t))
