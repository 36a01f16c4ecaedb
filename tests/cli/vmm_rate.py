#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_rate.py VMM GUEST FILE: an echoing machine is snapshotted into FILE, and the rate of its counter in it is doubled, then made a quarter.
Prints what a machine says that goes on from each. FILE is the last of them."""
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vmm_machine import Machine, limit  # noqa: E402

vmm, guest, path = sys.argv[1:4]
limit(100)
RECORDS, HEADER_RATE = 4096, 32 + 16 + 16 + 64


def fnv(data):
    h = 0xcbf29ce484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return h


def with_rate(change):
    with open(path, "r+b") as f:
        n, = struct.unpack_from("<Q", os.pread(f.fileno(), 4096, 0), 16)
        rate, = struct.unpack("<Q", os.pread(f.fileno(), 8, HEADER_RATE))
        records = bytearray(os.pread(f.fileno(), n, RECORDS))
        assert records.startswith(b"clock\0") and struct.unpack_from("<Q", records, 40)[0] == rate, "its first record is the clock's"
        struct.pack_into("<Q", records, 40, change(rate))
        os.pwrite(f.fileno(), records, RECORDS)
        os.pwrite(f.fileno(), struct.pack("<Q", fnv(records)), 24)
        os.pwrite(f.fileno(), struct.pack("<Q", change(rate)), HEADER_RATE)


first = Machine(vmm, "--kernel", guest, "--append", "e", "--memory", "33554432")
assert first.process.stdout.readline() == b"ready\n" and first.snapshot(path) == 0
first.ends()
for label, change in (("twice", lambda rate: rate * 2), ("a quarter", lambda rate: rate // 8)):
    with_rate(change)
    machine = Machine(vmm, "--restore", path)
    print(f"{label}:", machine.say(b"hello"), machine.ends())
