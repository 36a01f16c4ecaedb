#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_media.py VMM FLOPPY WORD...: starts a PC from FLOPPY (tests/machine/boot_sector.S) with a socket for media, does each WORD, and prints
what came back:

option=O        before all others: an option of moat-vmm
ask=TEXT        the boot sector's answer to TEXT; tell=TEXT and hear are its two halves
insert=N:F[,ro] CONTROL_INSERT of file F into drive N (0, 1: floppies, 2: CD-ROM): 0, or the errno's name and the sentence
eject=N         CONTROL_EJECT
silent=N        N connections that say nothing
junk            records of strangers: nothing comes back
snapshot=F      what became of it; and the machine goes on
restore=F       the machine is killed, and another one goes on from F
filters         of the I/O process and of the machine process, into io.json and machine.json; needs root
descriptors     of the I/O process: their numbers
said=TEXT       waits until standard error has TEXT
full=F          before the machine: makes F a file system without room, with a floppy's file F/floppy (under unshare -m); free=F: there is some again
end             switches it off, and waits: its status and reason"""
import errno
import os
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_records import HEADER, MAGIC, SIZE, Control  # noqa: E402
from vmm_machine import Machine, directory, limit  # noqa: E402

INSERT, EJECT = 11, 12
FIRMWARE = ["--firmware", "/usr/share/seabios/bios-256k.bin", "--display-firmware", "/usr/share/seabios/vgabios-isavga.bin"]
idle = []


class Pc(Machine):
    def __init__(self, vmm, *words):
        self.errors = f"{directory}/errors{Machine.made}"
        with open(self.errors, "wb") as f:
            super().__init__(vmm, *FIRMWARE, *words, stderr=f, media=True)
        self.door = self.connect(".media")

    def line(self):
        got = b""
        while not got.endswith(b"\n"):
            byte = os.read(self.process.stdout.fileno(), 1)
            assert byte, open(self.errors).read()
            got += byte
        return got.decode().strip()

    def asked(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        return self.line()

    def put(self, kind, payload, fd=None):
        self.door.send(kind, payload, fd=fd)
        _, _, code, text = self.door.receive()
        return errno.errorcode[-code] + " " + text.decode() if code else "0"

    def insert(self, value):
        drive, _, path = value.partition(":")
        read_only = path.endswith(",ro")
        fd = os.open(path.removesuffix(",ro"), os.O_RDONLY if read_only else os.O_RDWR)
        answer = self.put(INSERT, struct.pack("<II", int(drive), read_only), fd)
        os.close(fd)
        return answer

    def io_process(self):
        return int(subprocess.check_output(["pgrep", "-P", str(self.process.pid)]))

    def kill(self):
        """Both processes: the locks of its disks are gone then."""
        self.process.kill()
        self.process.wait()
        try:
            self.door.sock.recv(1)
        except ConnectionResetError:
            pass

    def said(self, text):
        while text not in open(self.errors).read():
            assert self.process.poll() is None
            time.sleep(0.05)


def junk(machine):
    """Each on a connection of its own, with and without files; then records without sense on one."""
    file = os.open(sys.argv[2], os.O_RDONLY)
    for bytes_, fds in ((b"x", 1), (b"\0" * SIZE, 4), (struct.pack(HEADER, MAGIC, 1, INSERT, 100, 0, 0, 0), 2), (b"y" * 3000, 1), (b"", 0)):
        client = machine.connect(".media")
        socket.send_fds(client.sock, [bytes_], [file] * fds) if fds else client.sock.close()
        idle.append(client)
    client = machine.connect(".media")
    for kind in (0, 1, 8, 10, 13, 0x800B, 0xFFFF):
        assert client.ask(kind, b"z" * 16, fd=file) == -errno.EOPNOTSUPP
    os.close(file)


def make_full(path):
    os.mkdir(path)
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=64k", "none", path])
    with open(f"{path}/floppy", "wb") as f:
        f.truncate(1440 << 10)
    fill(path)


def fill(path):
    with open(f"{path}/filler", "wb", buffering=0) as f:
        try:
            while f.write(b"f" * 4096):
                pass
        except OSError as e:
            assert e.errno == errno.ENOSPC


limit(100)
vmm, floppy, words = sys.argv[1], sys.argv[2], sys.argv[3:]
options = ["--machine", "pc", "--memory", "16777216", "--boot", "a", "--floppy", floppy]
while words and words[0].partition("=")[0] in ("option", "full"):
    what, _, value = words.pop(0).partition("=")
    if what == "full":
        make_full(value)
    else:
        options.append(value)
machine = Pc(vmm, *options)
print(machine.line())
for word in words:
    what, _, value = word.partition("=")
    if what == "ask":
        print(machine.asked(value))
    elif what == "tell":
        machine.process.stdin.write(value.encode())
        machine.process.stdin.flush()
    elif what == "hear":
        print(machine.line())
    elif what == "insert":
        print(machine.insert(value))
    elif what == "eject":
        print(machine.put(EJECT, struct.pack("<I", int(value))))
    elif what == "silent":
        idle += [machine.connect(".media") for _ in range(int(value))]
        machine.door = machine.connect(".media")
    elif what == "junk":
        junk(machine)
    elif what == "snapshot":
        print("snapshot", machine.snapshot(value))
    elif what == "restore":
        machine.kill()
        machine = Pc(vmm, *options, "--restore", value)
    elif what == "filters":
        for name, pid in (("machine", machine.process.pid), ("io", machine.io_process())):
            with open(f"{name}.json", "wb") as f:
                print(name, subprocess.call([sys.executable, os.path.join(os.path.dirname(__file__), "installed_filter.py"), str(pid)], stdout=f))
    elif what == "descriptors":
        print(*sorted(int(fd) for fd in os.listdir(f"/proc/{machine.io_process()}/fd")))
    elif what == "said":
        machine.said(value)
        print("said")
    elif what == "free":
        os.truncate(f"{value}/filler", 0)
    elif what == "end":
        machine.process.stdin.write(b"q")
        machine.process.stdin.flush()
        print(machine.end())
