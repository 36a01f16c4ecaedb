# SPDX-License-Identifier: Apache-2.0
"""The other end of a console socket or of a seccomp listener.

receive.py console SOCKET        takes a terminal's master and prints what comes out of it until it hangs up
receive.py type TEXT SOCKET      the same, and types TEXT first
receive.py seccomp ERRNO SOCKET  takes a listener; prints the state document, a line, and answers each call with ERRNO
                                 (0: lets it go on), printing its number
"""
import array
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
FLAG_CONTINUE = 1


def take(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    server.settimeout(20)
    connection, _ = server.accept()
    connection.settimeout(20)
    data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    assert len(fds) == 1, f"{len(fds)} descriptors came"
    return data, fds[0]


def console(path, text=""):
    _, master = take(path)
    os.write(master, text.encode())
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            return
        if not data:
            return
        sys.stdout.write(data.decode(errors="replace").replace("\r\n", "\n"))
        sys.stdout.flush()


def seccomp(path, errno):
    data, listener = take(path)
    print(json.dumps(json.loads(data)), flush=True)
    while True:
        request = ctypes.create_string_buffer(80)
        try:
            fcntl.ioctl(listener, NOTIF_RECV, request)
        except OSError:
            return
        ident, = struct.unpack_from("Q", request)
        number, = struct.unpack_from("i", request, 16)
        print("call", number, flush=True)
        answer = struct.pack("QqiI", ident, 0, -errno, 0 if errno else FLAG_CONTINUE)
        try:
            fcntl.ioctl(listener, NOTIF_SEND, answer)
        except OSError:
            pass  # it died meanwhile


if sys.argv[1] == "console":
    console(sys.argv[2])
elif sys.argv[1] == "type":
    console(sys.argv[3], sys.argv[2].encode().decode("unicode_escape"))
else:
    seccomp(sys.argv[3], int(sys.argv[2]))
