# SPDX-License-Identifier: Apache-2.0
"""asyncio, epoll, sockets of the loopback and of names, and what the kernel says of itself."""
import asyncio
import os
import select
import socket
import tempfile


async def serve(reader, writer):
    while data := await reader.readline():
        writer.write(data.upper())
        await writer.drain()
    writer.close()


async def ask(open_connection, n):
    reader, writer = await open_connection()
    for i in range(n):
        writer.write(f"line {i}\n".encode())
        assert (await reader.readline()) == f"LINE {i}\n".encode()
    writer.close()
    return n


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print("tcp", sum(await asyncio.gather(*[ask(lambda: asyncio.open_connection("127.0.0.1", port), 30) for _ in range(10)])))
    server.close()
    with tempfile.TemporaryDirectory() as d:
        server = await asyncio.start_unix_server(serve, d + "/s")
        print("unix", await ask(lambda: asyncio.open_unix_connection(d + "/s"), 50))
        server.close()
    p = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print("process", await p.communicate(b"through"), p.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except asyncio.TimeoutError:
        print("time out")


asyncio.run(main())
u, v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
v.sendto(b"datagram", u.getsockname())
print("udp", u.recv(100))
r, w = os.pipe()
e = select.epoll()
e.register(r, select.EPOLLIN | select.EPOLLET)
print("epoll", e.poll(0.01), os.write(w, b"x"), [m for _, m in e.poll(1)], e.poll(0.01))
try:
    socket.create_connection(("127.0.0.1", 1), 1)
except OSError as err:
    print("refused", err.errno)
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as err:
    print("unreachable", err.errno)
print(os.uname().sysname, os.uname().machine, os.path.exists("/proc/self/maps"), os.readlink("/proc/self/exe")[:16])
