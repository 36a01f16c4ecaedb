#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Modules that use up a resource, will not end, or are larger than anybody expects: bombs.py DIRECTORY makes NAME.wasm in it. What gets so far writes "begun"."""
import os
import sys

I32, I64, V128, FUNC = 0x7F, 0x7E, 0x7B, 0x70
WASI = "wasi_snapshot_preview1"


def u(n):
    out = bytearray()
    while True:
        byte, n = n & 0x7F, n >> 7
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def s(n):
    out = bytearray()
    while True:
        byte, n = n & 0x7F, n >> 7
        if (n == 0 and not byte & 0x40) or (n == -1 and byte & 0x40):
            return bytes(out + bytes([byte]))
        out.append(byte | 0x80)


def text(t):
    return u(len(t)) + t.encode()


def vec(items):
    return u(len(items)) + b"".join(items)


def section(number, body):
    return bytes([number]) + u(len(body)) + body


def functype(params, results=()):
    return b"\x60" + vec([bytes([p]) for p in params]) + vec([bytes([r]) for r in results])


def const(n):
    return b"\x41" + s(n)


def call(n):
    return b"\x10" + u(n)


DROP, END, ELSE, RETURN, UNREACHABLE = b"\x1a", b"\x0b", b"\x05", b"\x0f", b"\x00"
BLOCK, LOOP, IF = b"\x02\x40", b"\x03\x40", b"\x04\x40"
GROW, SIZE = b"\x40\x00", b"\x3f\x00"


def br(n):
    return b"\x0c" + u(n)


# What every program imports, in this order; its own functions come behind, the first is _start.
IMPORTS = [("fd_write", 4), ("proc_exit", 1), ("clock_time_get", 3), ("sched_yield", 0), ("random_get", 2), ("poll_oneoff", 4), ("fd_read", 4), ("path_open", 9)]
WRITE, EXIT, CLOCK, YIELD, RANDOM, POLL, READ, OPEN, START = range(9)
TYPES = [functype([I32] * 4, [I32]), functype([I32]), functype([I32, I64, I32], [I32]), functype([], [I32]), functype([I32] * 2, [I32]), functype([I32] * 4, [I32]),
         functype([I32] * 4, [I32]), functype([I32] * 5 + [I64] * 2 + [I32] * 2, [I32]), functype([])]
VOID = 8
BEGUN = const(1) + const(0) + const(1) + const(8) + call(WRITE) + DROP


def module(*bodies, pages=1, most=None, begun=True, start=None, table=None, extra=b"", between=b"", data=b"", local=((),)):
    """Functions of no arguments; the first is _start."""
    code = []
    for n, body in enumerate(bodies):
        locals_ = vec([u(count) + bytes([kind]) for count, kind in local[min(n, len(local) - 1)]])
        whole = locals_ + (BEGUN if begun and n == 0 else b"") + body + END
        code.append(u(len(whole)) + whole)
    memory = b"\x00" + u(pages) if most is None else b"\x01" + u(pages) + u(most)
    out = b"\0asm\1\0\0\0" + section(1, vec(TYPES))
    out += section(2, vec([text(WASI) + text(name) + b"\x00" + u(n) for n, (name, _) in enumerate(IMPORTS)]))
    out += section(3, vec([u(VOID)] * len(bodies)))
    if table is not None:
        out += section(4, vec([b"\x70\x00" + u(table)]))
    out += section(5, vec([memory]))
    out += section(7, vec([text("_start") + b"\x00" + u(START if start is None else START + 1), text("memory") + b"\x02\x00"]))
    if start is not None:
        out += section(8, u(start))
    out += between + section(10, vec(code))
    words = [b"\x00\x41\x00\x0b" + u(16) + (16).to_bytes(4, "little") + (6).to_bytes(4, "little") + bytes(8), b"\x00\x41\x10\x0b" + text("begun\n")]
    return out + section(11, vec(words) if not data else data) + extra


def forever(body):
    return LOOP + body + br(0) + END


def imports(kind, where="env"):
    return b"\0asm\1\0\0\0" + section(1, vec([functype([])])) + section(2, vec([text(where) + text("thing") + kind]))


FILL, COPY = b"\xfc\x0b\x00", b"\xfc\x0a\x00\x00"
ALL = const(0) + const(7) + SIZE + const(16) + b"\x74" + FILL
DEAD = const(1000) + const(0) + const(1) + const(8) + call(READ) + DROP

BOMBS = {
    # What has no end.
    "loop": lambda: module(forever(b"")),
    "loop-table": lambda: module(LOOP + const(0) + b"\x0e" + vec([u(0)] * 4) + u(0) + END),
    "loop-call": lambda: module(forever(call(START + 1)), b""),
    "loop-tail": lambda: module(b"\x12" + u(START + 1), b"\x12" + u(START + 1)),
    "loop-tail-indirect": lambda: module(const(0) + b"\x13" + u(VOID) + u(0), const(0) + b"\x13" + u(VOID) + u(0), table=1,
                                         between=section(9, vec([b"\x00\x41\x00\x0b" + vec([u(START + 1)])]))),
    "loop-fill": lambda: module(forever(ALL), pages=256),
    "loop-copy": lambda: module(forever(const(0) + const(1) + SIZE + const(16) + b"\x74" + const(1) + b"\x6b" + COPY), pages=256),
    "loop-grow": lambda: module(forever(const(0) + GROW + DROP)),
    "loop-clock": lambda: module(forever(const(0) + b"\x42\x00" + const(64) + call(CLOCK) + DROP)),
    "loop-yield": lambda: module(forever(call(YIELD) + DROP)),
    "loop-random": lambda: module(forever(const(0) + SIZE + const(16) + b"\x74" + call(RANDOM) + DROP), pages=256),
    "loop-refused": lambda: module(forever(const(-1) + const(-1) + const(-1) + const(-1) + call(WRITE) + DROP)),
    "loop-start": lambda: module(b"", forever(b""), start=START + 1, begun=False),
    "wait": lambda: module(const(256) + const(512) + const(1) + const(64) + call(POLL) + DROP + UNREACHABLE,
                           data=vec([b"\x00\x41\x00\x0b" + u(22) + (16).to_bytes(4, "little") + (6).to_bytes(4, "little") + bytes(8) + b"begun\n",
                                     # a clock, monotonic, in 2^62 ns
                                     b"\x00\x41\x80\x02\x0b" + u(48) + bytes(16) + (1).to_bytes(8, "little") + (1 << 62).to_bytes(8, "little") + bytes(16)])),
    "wait-read": lambda: module(const(0) + const(0) + const(1) + const(8) + call(READ) + DROP + UNREACHABLE),
    # What is too deep.
    "deep": lambda: module(call(START)),
    "deep-mutual": lambda: module(call(START + 1), call(START + 2), call(START + 1), begun=True),
    "deep-indirect": lambda: module(call(START + 1), const(0) + b"\x11" + u(VOID) + u(0), table=1,
                                    between=section(9, vec([b"\x00\x41\x00\x0b" + vec([u(START + 1)])]))),
    "deep-locals": lambda: module(call(START + 1), call(START + 1), local=((), ((3000, V128),))),
    "deep-start": lambda: module(b"", call(START + 1), start=START + 1, begun=False),
    "deep-host": lambda: module(call(START + 1), const(0) + b"\x42\x00" + const(64) + call(CLOCK) + DROP + call(START + 1)),
    "trap-start": lambda: module(b"", UNREACHABLE, start=START + 1, begun=False),
    # What takes all there is: 0 when it was refused in the end.
    "grow": lambda: module(LOOP + const(16) + GROW + const(-1) + b"\x47" + IF + ALL + br(1) + END + END),
    "grow-at-once": lambda: module(const(65535) + GROW + const(-1) + b"\x47" + IF + UNREACHABLE + END),
    "table-grow": lambda: module(LOOP + b"\xd0\x70" + const(65536) + b"\xfc\x0f\x00" + const(-1) + b"\x47" + IF + br(1) + END + END, table=1),
    "table-grow-at-once": lambda: module(b"\xd0\x70" + const(-1) + b"\xfc\x0f\x00" + const(-1) + b"\x47" + IF + UNREACHABLE + END, table=1),
    "descriptors": lambda: module(LOOP + const(3) + const(1) + const(1023) + const(1) + const(2) + b"\x42\x00\x42\x00" + const(0) + const(64) + call(OPEN) + b"\x45" + IF + br(1) + END + END,
                                  data=vec([b"\x00\x41\x00\x0b" + u(22) + (16).to_bytes(4, "little") + (6).to_bytes(4, "little") + bytes(8) + b"begun\n", b"\x00\x41\xff\x07\x0b\x01."])),
    # What is large, and right.
    "table-of-branches": lambda: module(BLOCK * 2 + const(1000000) + b"\x0e" + u(1000000) + b"\x00\x01" * 500000 + u(1) + END + END),
    "nested": lambda: module(BLOCK * 100000 + END * 100000),
    "nested-loops": lambda: module(LOOP * 20000 + END * 20000),
    "stack": lambda: module(const(1) * 200000 + b"\x6a" * 199999 + DROP),
    "functions": lambda: module(*([b""] * 100000)),
    "segments": lambda: module(b"", pages=2, data=vec([b"\x00\x41\x00\x0b" + u(22) + (16).to_bytes(4, "little") + (6).to_bytes(4, "little") + bytes(8) + b"begun\n"]
                                                      + [b"\x00\x41\x80\x08\x0b" + u(64) + bytes(64)] * 90000)),
    "bytes": lambda: module(b"", extra=section(0, text("padding") + bytes(100 << 20))),
    # What is no module, or not here.
    "bytes-random": lambda: b"\0asm\1\0\0\0" + bytes((i * i >> 7) & 0xFF for i in range(1 << 16)) * (100 << 4),
    "counts": lambda: b"\0asm\1\0\0\0" + section(1, u(0xFFFFFFFF)),
    "counts-code": lambda: module(b"")[: -200] + b"\x0a\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f",
    "locals": lambda: module(b"", local=(((0xFFFFFFFF, I64), (0xFFFFFFFF, I64)),)),
    "memory": lambda: module(b"", pages=65536),
    "memory-beyond": lambda: module(b"", pages=65537),
    "table": lambda: module(b"", table=0xFFFFFFFF),
    "segment-beyond": lambda: module(b"", data=vec([b"\x00\x41\xff\xff\x03\x0b" + u(2) + bytes(2)])),
    "import-function": lambda: imports(b"\x00\x00"),
    "import-table": lambda: imports(b"\x01\x70\x00\x00"),
    "import-memory": lambda: imports(b"\x02\x00\x01"),
    "import-global": lambda: imports(b"\x03\x7f\x00"),
    "import-wasi": lambda: imports(b"\x00\x00", WASI),
    "import-memory-of-wasi": lambda: imports(b"\x02\x00\x01", WASI),
}

for name, make in BOMBS.items():
    with open(os.path.join(sys.argv[1], name + ".wasm"), "wb") as file:
        file.write(make())
