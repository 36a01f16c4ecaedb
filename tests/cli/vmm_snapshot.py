#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_snapshot.py VMM GUEST FILE CYCLES: a machine that echoes bytes is snapshotted into FILE and goes on; two more go on from FILE, each
by itself. Prints what each said, and the word that each wrote when it ended. Then CYCLES times a machine goes on from the snapshot of the
one before, which only waits: how many had other memory than the first."""
import atexit
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_records import DESCRIPTOR, SNAPSHOT, Control  # noqa: E402

vmm, guest, path, cycles = *sys.argv[1:4], int(sys.argv[4])
signal.alarm(50 + cycles)
directory = tempfile.mkdtemp(dir=os.environ.get("BATS_TEST_TMPDIR"))


class Machine:
    made = 0

    def __init__(self, *words):
        Machine.made += 1
        self.name = f"{directory}/{Machine.made}"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(self.name)
        listening.listen(8)
        end = os.open(self.name + ".end", os.O_WRONLY | os.O_CREAT, 0o600)
        client = self.connect()
        client.send(DESCRIPTOR, b"end\0", fd=end)
        client.sock.close()
        os.close(end)
        self.process = subprocess.Popen([vmm, "--accel", "soft", *words], pass_fds=[listening.fileno()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, "MOAT_HANDED_FD": str(listening.fileno())})
        atexit.register(self.process.kill)
        listening.close()

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(self.name)
        return Control(client, 40)

    def snapshot(self, path):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        client = self.connect()
        code = client.ask(SNAPSHOT, struct.pack("<I", 0), fd=file)
        client.sock.close()
        os.close(file)
        return code

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()
        got = b""
        while len(got) < len(text):
            got += os.read(self.process.stdout.fileno(), 1)
        return got.decode()

    def ends(self):
        self.process.stdin.write(b"q")
        self.process.stdin.flush()
        return f"{self.process.wait()} {open(self.name + '.end').read()}"


first = Machine("--kernel", guest, "--append", "e", "--memory", "33554432")
assert first.process.stdout.readline() == b"ready\n"
print(first.say(b"before"))
print("snapshot", first.snapshot(path))
print(first.say(b"after"), first.ends())
for text in (b"second", b"third"):
    machine = Machine("--restore", path)
    print(machine.say(text), machine.ends())


def memory_of(path):
    with open(path, "rb") as f:
        at, size = struct.unpack_from("<QQ", f.read(4096), 32)
        f.seek(at)
        return hashlib.sha256(f.read(size)).digest()


others, before = 0, path
for i in range(cycles):
    machine = Machine("--restore", before)
    machine.say(b"before") # it runs: who asks while it starts is not heard
    after = f"{directory}/cycle{i}"
    assert machine.snapshot(after) == 0
    others += memory_of(after) != memory_of(path)
    machine.ends()
    if before != path:
        os.unlink(before)
    before = after
print("of", cycles, "others", others)
