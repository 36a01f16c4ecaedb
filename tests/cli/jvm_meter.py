#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A reader of the meter page (src/jvm/meter.h): jvm_meter.py [--ask N] [--list BYTES] [--size BYTES] COMMAND...
# Runs the command with a page. With --ask: N times waits for a line, asks, and sends a byte; then closes its input. Prints
# "NAME VALUE" lines: of each answer ("1.heap_used"), then of the page that is left ("end.state"), the class list
# ("class NAME"), and the exit status. Standard error is passed on.
import ctypes, mmap, os, struct, subprocess, sys, tempfile, time

FORMAT = "<8sIIII7QIIII"
NAMES = ("magic", "asked", "answered", "state", "end_reason", "heap_used", "heap_committed", "heap_max", "threads",
         "classes", "collections", "collection_ns", "list_length", "list_cut", "exhausted", "sharing")
STATES = ("none", "starting", "running", "ended")
ENDS = ("none", "heap", "metaspace", "direct-memory", "threads", "code-cache")
FUTEX_WAIT, FUTEX_WAKE, SYS_futex = 0, 1, 202

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def futex(page, offset, operation, value, milliseconds=None):
    word = ctypes.c_uint32.from_buffer(page, offset)
    limit = (ctypes.c_long * 2)(milliseconds // 1000, milliseconds % 1000 * 1000000) if milliseconds else None
    libc.syscall(SYS_futex, ctypes.byref(word), operation, ctypes.c_uint32(value), limit, None, 0)


def read(page, prefix):
    values = dict(zip(NAMES, struct.unpack_from(FORMAT, page)))
    values["magic"] = values["magic"].decode(errors="replace")
    values["state"] = STATES[values["state"]]
    values["end_reason"] = ENDS[values["end_reason"]]
    values["exhausted"] = ENDS[values["exhausted"]]
    for name, value in values.items():
        print(f"{prefix}.{name} {value}")


def ask(page, prefix):
    asked = (struct.unpack_from("<I", page, 8)[0] + 1) & 0xffffffff
    struct.pack_into("<I", page, 8, asked)
    futex(page, 8, FUTEX_WAKE, 1)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answered = struct.unpack_from("<I", page, 12)[0]
        if answered == asked:
            return read(page, prefix)
        futex(page, 12, FUTEX_WAIT, answered, 1000)
    print(f"{prefix}.unanswered yes")


def main():
    options = {"--ask": 0, "--list": 0, "--size": 4096}
    args = sys.argv[1:]
    while args and args[0] in options:
        options[args[0]] = int(args[1])
        args = args[2:]
    with tempfile.TemporaryFile() as file:
        file.truncate(options["--size"] + options["--list"])
        page = mmap.mmap(file.fileno(), 0) if options["--size"] >= 96 else None
        asks = options["--ask"]
        child = subprocess.Popen(args, pass_fds=[file.fileno()], env={**os.environ, "MOAT_HANDED_FD": str(file.fileno())},
                                 stdin=subprocess.PIPE if asks else subprocess.DEVNULL,
                                 stdout=subprocess.PIPE if asks else None)
        if asks:
            for i in range(asks):
                if i:
                    child.stdin.write(b"x")
                    child.stdin.flush()
                child.stdout.readline()
                ask(page, str(i + 1))
            print("descriptor", "open" if any(os.path.samefile(f"/proc/{child.pid}/fd/{n}", f"/proc/self/fd/{file.fileno()}")
                                              for n in os.listdir(f"/proc/{child.pid}/fd")
                                              if os.path.exists(f"/proc/{child.pid}/fd/{n}")) else "closed")
            child.stdin.close()
        status = child.wait()
        if page is None:
            return print("status", status)
        read(page, "end")
        length = min(struct.unpack_from("<I", page, 80)[0], options["--list"])
        for name in page[4096:4096 + length].decode().splitlines():
            print("class", name)
        print("status", status)


main()
