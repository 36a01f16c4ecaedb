#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the broker's network tests talk to, in a network namespace of their own: echoes at port 7 of 192.0.2.1 and
192.0.2.3, TCP and UDP, and a name server at 127.0.0.1:53 that says 192.0.2.1 for every name. Prints "ready"."""
import selectors
import socket

sel = selectors.DefaultSelector()

for host in ("192.0.2.1", "192.0.2.3"):
    t = socket.create_server((host, 7), backlog=100)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((host, 7))
    sel.register(t, selectors.EVENT_READ, "accept")
    sel.register(u, selectors.EVENT_READ, "datagram")
d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
d.bind(("127.0.0.1", 53))
sel.register(d, selectors.EVENT_READ, "name")


def answer(query):
    end = 12
    while query[end]:
        end += query[end] + 1
    a = query[end + 1:end + 3] == b"\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 1]) if a else b""
    return query[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0" + query[12:end + 5] + record


print("ready", flush=True)
while True:
    for key, _ in sel.select():
        try:
            if key.data == "accept":
                sel.register(key.fileobj.accept()[0], selectors.EVENT_READ, "stream")
            elif key.data == "stream":
                data = key.fileobj.recv(4096)
                if data:
                    key.fileobj.sendall(data)
                else:
                    sel.unregister(key.fileobj)
                    key.fileobj.close()
            else:
                data, sender = key.fileobj.recvfrom(4096)
                key.fileobj.sendto(answer(data) if key.data == "name" else data, sender)
        except OSError:
            if key.data == "stream":
                sel.unregister(key.fileobj)
                key.fileobj.close()
