#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What exists on this host, and what exists that did not before.

    world.py take FILE TAG     writes a snapshot
    world.py since FILE TAG    prints what is there now and was not then; status 1 when there is something

Seen: mounts, loop devices, processes (zombies too), namespaces of every kind, and cgroups whose path contains TAG. What
others start on the same host meanwhile is not ours: a process counts only when it descends from pid 1 through new
processes alone, or from the one that asks. What the kernel removes late gets five seconds.
"""
import json
import os
import sys
import time

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def processes():
    """{pid: (start time, parent, name, {namespace links})}"""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        stat = read(f"/proc/{pid}/stat")
        if not stat:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        links = []
        for kind in NAMESPACES:
            try:
                links.append(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                pass
        out[int(pid)] = (fields[19], int(fields[1]), fields[0] + " " + stat[stat.index("("):stat.rindex(")") + 1], links)
    return out


def mounts():
    out = []
    for line in read("/proc/self/mountinfo").splitlines():
        fields = line.split()
        dash = fields.index("-")
        out.append(f"mount {fields[4]} {fields[dash + 1]} {fields[dash + 2]}")
    return out


def cgroups(tag):
    return ["cgroup " + d for d, _, _ in os.walk("/sys/fs/cgroup") if tag in d]


def loops():
    return ["loop " + d for d in os.listdir("/sys/block") if d.startswith("loop") and os.path.exists(f"/sys/block/{d}/loop/backing_file")]


def things(tag):
    return sorted(mounts() + cgroups(tag) + loops())


def take(tag):
    return {"things": things(tag), "processes": {str(p): v for p, v in processes().items()}}


def ancestors(pid, table):
    while pid > 1 and pid in table:
        yield pid
        pid = table[pid][1]


def new_processes(before):
    """Those that are new and ours: [(pid, name, links)]"""
    table = processes()
    old = {int(p) for p, v in before["processes"].items() if int(p) in table and table[int(p)][0] == v[0]}
    mine = os.getppid()
    asking = set(ancestors(os.getpid(), table))
    out = []
    for pid, (_, _, name, links) in table.items():
        chain = list(ancestors(pid, table))
        if pid in old or pid in asking or (mine not in chain and old & set(chain)):
            continue
        out.append((pid, name, links))
    return out


def since(before, tag):
    then = list(before["things"])
    new = []
    for line in things(tag):
        if line in then:
            then.remove(line) # two equal mounts are two
        else:
            new.append(line)
    known = {link for v in before["processes"].values() for link in v[3]}
    for pid, name, links in new_processes(before):
        new.append(f"process {pid} {name} {read(f'/proc/{pid}/cmdline')[:100]!r}")
        new += [f"namespace {link} of {pid}" for link in links if link not in known]
    return new


def main():
    verb, path, tag = sys.argv[1:]
    if verb == "take":
        with open(path, "w", encoding="utf-8") as f:
            json.dump(take(tag), f)
        return 0
    with open(path, encoding="utf-8") as f:
        before = json.load(f)
    for _ in range(25):
        left = since(before, tag)
        if not left:
            return 0
        time.sleep(0.2)
    print("\n".join(left))
    return 1


if __name__ == "__main__":
    sys.exit(main())
