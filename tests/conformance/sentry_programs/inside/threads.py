# SPDX-License-Identifier: Apache-2.0
"""Threads: locks, queues, conditions, pools, thread-local values, timers."""
import concurrent.futures
import queue
import threading
import time

total, lock = 0, threading.Lock()


def add():
    global total
    for _ in range(2000):
        with lock:
            total += 1


threads = [threading.Thread(target=add) for _ in range(16)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("sum", total)
q, out = queue.Queue(4), []


def consume():
    while (x := q.get()) is not None:
        out.append(x * x)


worker = threading.Thread(target=consume)
worker.start()
for i in range(500):
    q.put(i)
q.put(None)
worker.join()
print("queue", sum(out))
barrier, order = threading.Barrier(5), []


def meet(i):
    barrier.wait()
    with lock:
        order.append(i)


group = [threading.Thread(target=meet, args=(i,)) for i in range(5)]
for t in group:
    t.start()
for t in group:
    t.join()
print("met", sorted(order))
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print("pool", sum(pool.map(lambda x: x ** 3, range(300))))
event, said = threading.Event(), []
timer = threading.Timer(0.1, lambda: (said.append("timer"), event.set()))
timer.start()
print("event", event.wait(10), said, threading.Event().wait(0.05))
local = threading.local()
local.x = 1
seen = []
t = threading.Thread(target=lambda: seen.append(hasattr(local, "x")))
t.start()
t.join()
print("local", seen, threading.active_count() >= 1, time.thread_time() >= 0)
