# SPDX-License-Identifier: Apache-2.0
"""Processes: pipes, signals, groups, pools, shared memory, descriptors that are passed on."""
import array
import mmap
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile

print(subprocess.run(["tr", "a-z", "A-Z"], input=b"words\n", capture_output=True).stdout)
print(subprocess.run("exit 3", shell=True).returncode, subprocess.run(["sleep", "0"]).returncode)
try:
    subprocess.run(["sleep", "10"], timeout=0.2)
except subprocess.TimeoutExpired:
    print("time out")
try:
    subprocess.run(["/nothing"])
except OSError as e:
    print("error", e.errno)
p = subprocess.Popen(["sleep", "100"], start_new_session=True)
os.killpg(p.pid, signal.SIGTERM)
print("signal", p.wait())
env = subprocess.run(["env"], env={"A": "1"}, capture_output=True, text=True).stdout
print(env.strip(), subprocess.check_output(["pwd"], cwd="/usr").strip())


def square(x):
    return x * x


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print("pool", sum(pool.map(square, range(200))))
    shared = mmap.mmap(-1, 4096)
    if not (child := os.fork()):
        shared[0:5] = b"child"
        os._exit(5)
    print("fork", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), bytes(shared[0:5]))
    a, b = socket.socketpair()
    if not (child := os.fork()):
        with tempfile.TemporaryFile() as f:
            f.write(b"in a file")
            f.flush()
            f.seek(0)
            socket.send_fds(b, [b"x"], [f.fileno()])
        os._exit(0)
    _, fds, _, _ = socket.recv_fds(a, 1, 1)
    print("passed on", os.read(fds[0], 100), os.waitpid(child, 0)[1])
    got = []
    signal.signal(signal.SIGALRM, lambda *_: got.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.pause()
    print(got, signal.sigtimedwait([signal.SIGUSR1], 0.05))
    v = multiprocessing.Value("i", 0)
    many = [multiprocessing.Process(target=lambda: [v.get_lock().__enter__(), setattr(v, "value", v.value + 1), v.get_lock().__exit__(None, None, None)])
            for _ in range(8)]
    for m in many:
        m.start()
    for m in many:
        m.join()
    print("value", v.value, array.array("i", [1, 2]).tolist(), sys.stdin.read())
