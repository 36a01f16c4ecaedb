#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_snapshot.py VMM GUEST FILE: a machine that echoes bytes is snapshotted into FILE and goes on; two more go on from FILE, each by
itself. Prints what each said, and the word that each wrote when it ended."""
import array
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

HEADER, MAGIC, SNAPSHOT, DESCRIPTOR = "<IHHIIiI", 0x74616F6D, 8, 9
vmm, guest, path = sys.argv[1:4]
signal.alarm(50)
directory = tempfile.mkdtemp(dir=os.environ.get("BATS_TEST_TMPDIR"))


def send(sock, kind, payload, fd):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    sock.sendmsg([struct.pack(HEADER, MAGIC, 1, kind, len(payload), 7, 0, 0) + payload], rights)


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
        send(client, DESCRIPTOR, b"end\0", end)
        client.close()
        os.close(end)
        self.process = subprocess.Popen([vmm, "--accel", "soft", *words], pass_fds=[listening.fileno()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, "MOAT_HANDED_FD": str(listening.fileno())})
        listening.close()

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(self.name)
        return client

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
file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
client = first.connect()
send(client, SNAPSHOT, struct.pack("<I", 0), file)
print("snapshot", struct.unpack_from(HEADER, client.recv(4096))[5])
print(first.say(b"after"), first.ends())
for text in (b"second", b"third"):
    machine = Machine("--restore", path)
    print(machine.say(text), machine.ends())
