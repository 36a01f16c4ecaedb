#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_control.py VMM GUEST LETTER WORD...: starts a machine with a control descriptor (boundary/control.h), waits until its guest says
"ready", then does each WORD, and prints what came back:

signal=N   CONTROL_SIGNAL with signal N: "answer CODE"
type=N     a record of type N: "answer CODE"
junk       bytes that are no record; version: a record of a later version
input=TEXT the guest's standard input gets it
end        waits for the end: "end CODE REASON", and the process's own status "status N"
"""
import os
import select
import signal
import socket
import struct
import subprocess
import sys

HEADER, MAGIC, REPLY = "<IHHIIiI", 0x74616F6D, 0x8000
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
child = subprocess.Popen([sys.argv[1], "--accel", "soft", "--control-fd", str(theirs.fileno()), "--kernel", sys.argv[2], "--append", sys.argv[3]],
                         pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
theirs.close()
signal.alarm(50)
assert child.stdout.readline() == b"ready\n"
serial = 0


def receive():
    select.select([ours], [], [], 40)
    data = ours.recv(4096)
    magic, version, kind, length, number, code, unused = struct.unpack_from(HEADER, data)
    assert magic == MAGIC and version == 1 and len(data) == struct.calcsize(HEADER) + length and not unused
    return kind, number, code, data[struct.calcsize(HEADER):]


def ask(kind, payload=b"", version=1):
    global serial
    serial += 1
    ours.send(struct.pack(HEADER, MAGIC, version, kind, len(payload), serial, 0, 0) + payload)
    answered, number, code, _ = receive()
    assert answered == kind | REPLY and number == serial
    print("answer", os.strerror(-code) if code else 0)


for word in sys.argv[4:]:
    what, _, value = word.partition("=")
    if what == "signal":
        ask(1, struct.pack("<iI", int(value), 0))
    elif what == "type":
        ask(int(value))
    elif what == "version":
        ask(1, struct.pack("<iI", 9, 0), 2)
    elif what == "junk":
        for junk in (b"x", b"\0" * 24, struct.pack(HEADER, MAGIC, 1, 1, 100, 0, 0, 0), b"y" * 3000):
            ours.send(junk)
    elif what == "input":
        child.stdin.write(value.encode())
        child.stdin.flush()
    elif what == "end":
        kind, _, code, payload = receive()
        assert kind == 3 and not code
        status, oom, reason = struct.unpack("<iI24s", payload)
        print("end", status, reason.rstrip(b"\0").decode())
        print("status", child.wait())
