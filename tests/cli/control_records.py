# SPDX-License-Identifier: Apache-2.0
"""Records of boundary/control.h as a client sends and checks them: for the tests of engines that speak it."""
import array
import os
import select
import socket
import struct

HEADER, MAGIC, REPLY = "<IHHIIiI", 0x74616F6D, 0x8000
SIGNAL, WAIT, SNAPSHOT, DESCRIPTOR = 1, 3, 8, 9
SIZE = struct.calcsize(HEADER)


class Control:
    """One connection; answers are waited for at most `patience` seconds."""

    def __init__(self, sock, patience=20):
        self.sock, self.patience, self.serial = sock, patience, 0

    def send(self, kind, payload=b"", version=1, fd=None):
        self.serial += 1
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([struct.pack(HEADER, MAGIC, version, kind, len(payload), self.serial, 0, 0) + payload], rights)

    def receive(self):
        """(type, serial, code, payload)"""
        select.select([self.sock], [], [], self.patience)
        data = self.sock.recv(4096)
        magic, version, kind, length, number, code, unused = struct.unpack_from(HEADER, data)
        assert magic == MAGIC and version == 1 and len(data) == SIZE + length and not unused
        return kind, number, code, data[SIZE:]

    def ask(self, kind, payload=b"", version=1, fd=None):
        """The code of the answer: 0 or a negative errno."""
        self.send(kind, payload, version, fd)
        answered, number, code, _ = self.receive()
        assert answered == kind | REPLY and number == self.serial
        return code

    def junk(self):
        for junk in (b"x", b"\0" * SIZE, struct.pack(HEADER, MAGIC, 1, 1, 100, 0, 0, 0), b"y" * 3000):
            self.sock.send(junk)


def do(control, child, what, value):
    """A word of spt_control.py and vmm_control.py that both have. False: it is another one."""
    if what in ("signal", "type", "version"):
        code = control.ask(int(value) if what == "type" else SIGNAL,
                           b"" if what == "type" else struct.pack("<iI", 9 if what == "version" else int(value), 0),
                           2 if what == "version" else 1)
        print("answer", os.strerror(-code) if code else 0)
    elif what == "junk":
        control.junk()
    elif what == "end":
        kind, _, code, payload = control.receive()
        assert kind == WAIT and not code
        status, _, reason = struct.unpack("<iI24s", payload)
        print("end", status, reason.rstrip(b"\0").decode())
        print("status", child.wait())
    else:
        return False
    return True
