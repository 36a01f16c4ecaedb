#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_stuck.py VMM GUEST FILE OPTION...: a machine writes its 300,000 bytes to a pipe that nobody reads. Once that is full a snapshot is
asked for, twice; then the pipe is read, and another machine goes on from the second. Prints the answers, whether the first one's bytes
came whole, and whether the other one's are the end of them."""
import fcntl
import os
import select
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vmm_machine import Machine, limit  # noqa: E402

vmm, guest, path = sys.argv[1:4]
limit(100)
whole = bytes(i & 0xff for i in range(1, 300001))
reading, writing = os.pipe()
fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
machine = Machine(vmm, "--kernel", guest, "--append", "f", "--memory", "33554432", *sys.argv[4:], stdout=writing)
while select.select([], [writing], [], 0)[1]:
    time.sleep(0.02)
os.close(writing)
print("stuck", machine.snapshot(path + ".first"), machine.snapshot(path))
with open(reading, "rb") as f:
    print("whole", f.read() == whole, machine.end())
other = Machine(vmm, "--restore", path, *sys.argv[4:])
rest = other.process.stdout.read()
print("rest", 0 < len(rest) < len(whole) and whole.endswith(rest), other.end())
