# SPDX-License-Identifier: Apache-2.0
"""A moat-vmm as moat starts it: with a socket on which it can be asked for a snapshot, and a file for the word of its end."""
import atexit
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

directory = tempfile.mkdtemp(dir=os.environ.get("BATS_TEST_TMPDIR"))


class Machine:
    """`early`: a file for a snapshot that is asked for before it has begun. `accel`: who computes. `media`: it has a socket for media."""
    made = 0

    def __init__(self, vmm, *words, early=None, accel="soft", stdout=subprocess.PIPE, stderr=None, media=False):
        Machine.made += 1
        self.name = f"{directory}/{Machine.made}"
        listening = self.listen(self.name)
        if media:
            socket_of_media, client = self.listen(self.name + ".media"), self.connect()
            client.send(DESCRIPTOR, b"media\0", fd=socket_of_media.fileno())
            client.sock.close()
            socket_of_media.close()
        end = os.open(self.name + ".end", os.O_WRONLY | os.O_CREAT, 0o600)
        client = self.connect()
        client.send(DESCRIPTOR, b"end\0", fd=end)
        client.sock.close()
        os.close(end)
        self.early = self.ask_for_snapshot(early) if early else None
        self.process = subprocess.Popen([vmm, "--accel", accel, *words], pass_fds=[listening.fileno()], stdin=subprocess.PIPE,
                                        stdout=stdout, stderr=stderr, env={**os.environ, "MOAT_HANDED_FD": str(listening.fileno())})
        atexit.register(self.process.kill)
        listening.close()

    @staticmethod
    def listen(name):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(name)
        listening.listen(8)
        return listening

    def connect(self, which=""):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(self.name + which)
        return Control(client, 40)

    def ask_for_snapshot(self, path):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        client = self.connect()
        client.send(SNAPSHOT, struct.pack("<I", 0), fd=file)
        os.close(file)
        return client

    @staticmethod
    def answer(client):
        """0 or a negative errno."""
        code = client.receive()[2]
        client.sock.close()
        return code

    def snapshot(self, path):
        return self.answer(self.ask_for_snapshot(path))

    def say(self, text):
        """What an echoing guest says to it."""
        self.process.stdin.write(text)
        self.process.stdin.flush()
        got = b""
        while len(got) < len(text):
            got += os.read(self.process.stdout.fileno(), 1)
        return got.decode()

    def end(self):
        """Its status, and the word that it wrote."""
        return f"{self.process.wait()} {open(self.name + '.end').read()}"

    def ends(self):
        """Of an echoing guest."""
        self.process.stdin.write(b"q")
        self.process.stdin.flush()
        return self.end()


def limit(seconds):
    signal.alarm(seconds)
