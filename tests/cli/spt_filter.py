#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spt_filter.py < FILTER: what the filter of a live tender (installed_filter.py's JSON) lets pass. Its own reading of BPF and of the
list, on purpose: neither is moat's.

First `allowed NAME`, for each call that any instruction of the gate page may make with any arguments of the cases; then `ok N`, or
`wrong: CASE: got VERDICT` for each case by hand."""
import json
import struct
import sys

GATE, BODIES, BODY, BEHIND = 0x70101000, 0x40, 16, 10
X86_64, I386 = 0xC000003E, 0x40000003
ALLOW, TRAP, KILL = 0x7FFF0000, 0x00030000, 0x80000000
NAMES = {0: "read", 1: "write", 271: "ppoll", 10: "mprotect", 28: "madvise", 223: "timer_settime", 15: "rt_sigreturn",
         231: "exit_group", 295: "preadv", 296: "pwritev"}
ORDER = list(NAMES)
MASK = 0xFFFFFFFF
program = [(i["code"], i["jt"], i["jf"], i["k"]) for i in json.load(sys.stdin)]


def verdict(nr, arch, pointer, args):
    data = struct.pack("<IIQ6Q", nr, arch, pointer, *[a & (1 << 64) - 1 for a in (args + [0] * 6)[:6]])
    a = x = pc = 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        if code == 0x20:
            a = struct.unpack_from("<I", data, k)[0]
        elif code == 0x07:
            x = a
        elif code == 0x0C:
            a = a + x & MASK
        elif code == 0x54:
            a &= k
        elif code == 0x05:
            pc += k
        elif code == 0x06:
            return k & 0xFFFF0000
        else:
            hit = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: bool(a & k)}[code]
            pc += jt if hit else jf


def body(nr):
    return GATE + BODIES + BODY * ORDER.index(nr) + BEHIND


FIRST = (0, 1, 2, 3, 4, 5, 0x400000, 0x70400000, 0x4000000000)
SECOND = (0, 1, 4096)
THIRD = (0, 1, 3, 4, 5)
reachable = set()
for nr in range(512):
    for pointer in range(GATE, GATE + 4096):
        # Most of the page: with one set of arguments; the bodies: with all.
        near = (pointer - GATE - BODIES - BEHIND) % BODY == 0 and pointer < GATE + BODIES + BODY * len(ORDER) + BEHIND
        some = [(f, s, t) for f in FIRST for s in SECOND for t in THIRD] if near else [(1, 4096, 4)]
        if any(verdict(nr, X86_64, pointer, list(args)) == ALLOW for args in some):
            reachable.add((nr, pointer))
for nr, pointer in sorted(reachable):
    print("allowed", NAMES.get(nr, nr) if pointer == body(nr) else f"{nr} from {pointer:#x}")

TEXT, DATA, KERNEL, STACK = 0x400000, 0x70800000, 0x70140000, 0x7FFFFFFDE000
CASES = [
    ("standard output", 1, [1, DATA, 5], ALLOW), ("standard error", 1, [2, DATA, 5], ALLOW),
    ("another descriptor", 1, [3, DATA, 5], TRAP), ("standard input written", 1, [0, DATA, 5], TRAP),
    ("standard input", 0, [0, DATA, 5], ALLOW), ("another read", 0, [3, DATA, 5], TRAP),
    ("few waited for", 271, [DATA, 4, 0, 0], ALLOW), ("many", 271, [DATA, 9, 0, 0], TRAP), ("a mask", 271, [DATA, 4, 0, DATA], TRAP),
    ("a mask high up", 271, [DATA, 4, 0, 1 << 40], TRAP),
    ("data", 10, [DATA, 4096, 3], ALLOW), ("far data", 10, [0x3000000000, 4096, 0], ALLOW), ("data as code", 10, [DATA, 4096, 5], TRAP),
    ("writable code", 10, [DATA, 4096, 7], TRAP), ("writable text as code", 10, [TEXT, 4096, 7], TRAP),
    ("the kernel", 10, [KERNEL, 4096, 3], TRAP), ("the gate", 10, [GATE, 4096, 3], TRAP), ("the stack", 10, [STACK, 4096, 5], TRAP),
    ("text and all behind it", 10, [TEXT, 0x6FC00000, 3], TRAP), ("round the end", 10, [TEXT, (1 << 64) - 4096, 3], TRAP),
    ("given back", 28, [DATA, 4096, 4], ALLOW), ("other advice", 28, [DATA, 4096, 10], TRAP), ("poison", 28, [DATA, 4096, 100], TRAP),
    ("kernel given back", 28, [KERNEL, 4096, 4], TRAP), ("the timer", 223, [0, 1, DATA, 0], ALLOW), ("relative", 223, [0, 0, DATA], TRAP),
    ("another timer", 223, [1, 1, DATA], TRAP), ("return", 15, [], ALLOW), ("end", 231, [0], ALLOW),
    ("no block device", 295, [4, DATA, 1], TRAP), ("nor written", 296, [4, DATA, 1], TRAP),
]
wrong = 0
for label, nr, args, want in CASES:
    got = verdict(nr, X86_64, body(nr), args)
    # What passes does so from its own instruction alone, and from no other architecture.
    others = [verdict(nr, X86_64, p, args) for p in (body(nr) - 1, body(nr) + 1, DATA, TEXT, body(nr) | 1 << 32)]
    if got != want or set(others) != {TRAP} or verdict(nr, I386, body(nr), args) != KILL:
        wrong += 1
        print(f"wrong: {label}: got {got:#x}, elsewhere {[hex(o) for o in others]}")
if not wrong:
    print("ok", len(CASES))
