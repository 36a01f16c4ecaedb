#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_snapshot.py VMM GUEST FILE CYCLES: a machine that echoes bytes is snapshotted into FILE and goes on; two more go on from FILE, each
by itself. Prints what each said, and the word that each wrote when it ended. Then CYCLES times a machine goes on from the snapshot of the
one before, which was asked for before the machine had begun: how many had other memory than the first."""
import hashlib
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vmm_machine import Machine, directory, limit  # noqa: E402

vmm, guest, path, cycles = *sys.argv[1:4], int(sys.argv[4])
limit(50 + cycles)

first = Machine(vmm, "--kernel", guest, "--append", "e", "--memory", "33554432")
assert first.process.stdout.readline() == b"ready\n"
print(first.say(b"before"))
print("snapshot", first.snapshot(path))
print(first.say(b"after"), first.ends())
for text in (b"second", b"third"):
    machine = Machine(vmm, "--restore", path)
    print(machine.say(text), machine.ends())


def memory_of(path):
    with open(path, "rb") as f:
        at, size = struct.unpack_from("<QQ", f.read(4096), 32)
        f.seek(at)
        return hashlib.sha256(f.read(size)).digest()


others, before = 0, path
for i in range(cycles):
    after = f"{directory}/cycle{i}"
    machine = Machine(vmm, "--restore", before, early=after)
    assert machine.answer(machine.early) == 0
    others += memory_of(after) != memory_of(path)
    machine.ends()
    if before != path:
        os.unlink(before)
    before = after
print("of", cycles, "others", others)
