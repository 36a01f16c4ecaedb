# SPDX-License-Identifier: Apache-2.0
# What ordinary Python programs do, with an output that is the same everywhere: threads and queues, files, subprocess
# without fork (posix_spawn), sockets, JSON, SQLite, compression, dates, regular expressions, signals.
import collections, contextlib, ctypes, datetime, functools, hashlib, io, itertools, json, os, queue, random, re
import select, signal, socket, sqlite3, string, struct, sys, tempfile, threading, time, zlib


def section(title):
    print("---", title)


def primes_below(n):
    sieve = bytearray([1]) * n
    sieve[0:2] = b"\0\0"
    for i in range(2, int(n ** 0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, n, i)))
    return [i for i, p in enumerate(sieve) if p]


def work_in_threads():
    section("threads")
    jobs, results = queue.Queue(), {}
    lock = threading.Lock()

    def worker():
        while True:
            n = jobs.get()
            if n is None:
                return
            count = len(primes_below(n))
            with lock:
                results[n] = count

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for t in threads:
        t.start()
    for n in range(1000, 9000, 500):
        jobs.put(n)
    for _ in threads:
        jobs.put(None)
    for t in threads:
        t.join()
    print(sorted(results.items()))


def events_and_barriers():
    section("barriers")
    barrier, order, event = threading.Barrier(4), [], threading.Event()
    done = threading.Semaphore(0)

    def runner(i):
        for phase in range(3):
            barrier.wait()
            order.append((phase, i))
            barrier.wait()
        event.wait()
        done.release()

    for i in range(4):
        threading.Thread(target=runner, args=(i,)).start()
    time.sleep(0.01)
    event.set()
    for _ in range(4):
        done.acquire()
    print([phase for phase, _ in order], sorted(order))


def timers():
    section("timers")
    fired = []
    timer = threading.Timer(0.02, lambda: fired.append("timer"))
    timer.start()
    timer.join()
    signal.signal(signal.SIGALRM, lambda *_: fired.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    signal.pause()
    signal.signal(signal.SIGUSR1, lambda *_: fired.append("usr1"))
    os.kill(os.getpid(), signal.SIGUSR1)
    print(fired)


def files():
    section("files")
    with tempfile.TemporaryDirectory() as directory:
        for i in range(20):
            with open(os.path.join(directory, f"f{i:02}"), "w") as f:
                f.write("x" * i * 100)
        names = sorted(os.listdir(directory))
        print(names[:3], len(names), sum(os.path.getsize(os.path.join(directory, n)) for n in names))
        os.rename(os.path.join(directory, "f03"), os.path.join(directory, "renamed"))
        os.symlink("renamed", os.path.join(directory, "link"))
        print(os.readlink(os.path.join(directory, "link")), os.stat(os.path.join(directory, "link")).st_size)
        with open(os.path.join(directory, "big"), "w+b") as f:
            f.truncate(1 << 20)
            f.seek(4096)
            f.write(b"middle")
            f.seek(0)
            print(hashlib.sha256(f.read()).hexdigest())
        walked = [(os.path.relpath(r, directory), len(d), len(f)) for r, d, f in os.walk(directory)]
        print(walked)
    print(os.path.exists(directory))


def children():
    section("children")
    read_end, write_end = os.pipe()
    pid = os.posix_spawn("/bin/echo", ["echo", "from the child"], os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_CLOSE, read_end)])
    os.close(write_end)
    with os.fdopen(read_end) as f:
        print(f.read().strip())
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def sockets():
    section("sockets")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data.upper())

    threading.Thread(target=serve).start()
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"hello over loopback")
        client.shutdown(socket.SHUT_WR)
        print(client.makefile().read())
    a, b = socket.socketpair()
    poller = select.epoll()
    poller.register(b, select.EPOLLIN)
    a.send(b"x")
    print(len(poller.poll(1)), b.recv(1))
    udp, other = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    other.sendto(b"datagram", udp.getsockname())
    print(udp.recv(100))


def data():
    section("data")
    random.seed(7)
    values = [random.randrange(1000) for _ in range(1000)]
    print(sum(values), collections.Counter(v % 7 for v in values).most_common(3))
    text = json.dumps({"values": values[:5], "nested": {"true": True, "null": None}}, sort_keys=True)
    print(text, json.loads(text)["nested"])
    packed = zlib.compress(text.encode() * 100, 9)
    print(len(packed) < 1000, zlib.decompress(packed) == text.encode() * 100, hashlib.md5(text.encode()).hexdigest())
    print(re.findall(r"(\w+)@(\w+)", "a@b cc@dd none"), struct.pack("<IHb", 1, 2, -3).hex())
    print(datetime.datetime(2024, 2, 29, 12, 30).isoformat(), datetime.timedelta(days=400))
    print(list(itertools.islice(itertools.permutations("abc"), 3)), functools.reduce(lambda x, y: x * y, range(1, 20)))
    print(string.Template("$who").substitute(who="me"), f"{3.14159:.3f} {10**20:,} {255:#x}")


def database():
    section("database")
    with contextlib.closing(sqlite3.connect("/tmp/threads.db")) as db:
        db.execute("create table t (n integer primary key, s text)")
        db.executemany("insert into t values (?, ?)", ((i, str(i * i)) for i in range(2000)))
        db.commit()
        print(db.execute("select count(*), max(length(s)), sum(n) from t where s like '%6'").fetchone())
        db.execute("create index i on t (s)")
        print(db.execute("select n from t where s = '1764'").fetchall())
    os.unlink("/tmp/threads.db")


def calls_into_c():
    section("ctypes")
    libc = ctypes.CDLL(None)
    print(libc.strlen(b"seven.."), libc.abs(-3))
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    print(compare is not None)


def exceptions():
    section("exceptions")
    for attempt in (lambda: open("/nonexistent"), lambda: 1 / 0, lambda: [][1], lambda: os.mkdir("/")):
        try:
            attempt()
        except Exception as e:
            print(type(e).__name__, getattr(e, "errno", ""))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print("captured")
    print(out.getvalue().strip(), sys.getrecursionlimit())


def main():
    work_in_threads()
    events_and_barriers()
    timers()
    files()
    children()
    sockets()
    data()
    database()
    calls_into_c()
    exceptions()
    section("end")


main()
