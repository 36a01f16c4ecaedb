#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_filter.py machine|io|media < FILTER: what the filter of one of moat-vmm's processes (installed_filter.py's JSON) lets pass. Its own
reading of BPF and of the list, on purpose: neither is moat's.

First `allowed NAME`, for each call that passes with any arguments of the cases; then `ok N`, or `wrong: CASE: got VERDICT` for each
case by hand. The machine has one disk and nothing else; that of `media`, the I/O process of a PC, its drives and a socket for media."""
import json
import struct
import sys

X86_64, I386, X32 = 0xC000003E, 0x40000003, 0x40000000
ALLOW, KILL = 0x7FFF0000, 0x80000000
NAMES = {0: "read", 1: "write", 3: "close", 8: "lseek", 15: "rt_sigreturn", 16: "ioctl", 19: "readv", 20: "writev", 33: "dup2",
         47: "recvmsg", 75: "fdatasync", 223: "timer_settime", 228: "clock_gettime", 231: "exit_group", 271: "ppoll", 285: "fallocate",
         288: "accept4", 295: "preadv", 296: "pwritev", 318: "getrandom"}
ANSWERS, LIFE, CONTROL, LISTENING, KICK, VISITOR, DISK, DRIVE, TAP = 3, 4, 5, 6, 8, 24, 32, 40, 48
KVM_RUN, TIOCGWINSZ, TIOCSTI = 0xAE80, 0x5413, 0x5412
HIGH = 1 << 32
program = [(i["code"], i["jt"], i["jf"], i["k"]) for i in json.load(sys.stdin)]


def verdict(nr, args, arch=X86_64):
    data = struct.pack("<IIQ6Q", nr, arch, 0x401000, *[a & (1 << 64) - 1 for a in (args + [0] * 6)[:6]])
    a = pc = 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        if code == 0x20:
            a = struct.unpack_from("<I", data, k)[0]
        elif code == 0x54:
            a &= k
        elif code == 0x05:
            pc += k
        elif code == 0x06:
            return k & 0xFFFF0000
        else:
            hit = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: bool(a & k)}[code]
            pc += jt if hit else jf


DESCRIPTORS = list(range(0, 52)) + [100, 0xFFFFFFFF]
for nr in range(600):
    if any(verdict(nr, [d, s, t, 0]) == ALLOW for d in DESCRIPTORS for s in (0, 1, 3, DRIVE, KVM_RUN, TIOCGWINSZ) for t in (0, 1, 2, 8)):
        print("allowed", NAMES.get(nr, nr))

CASES = {
    "machine": [
        ("a kick", 1, [KICK], ALLOW), ("that of the disk", 1, [KICK + 1], ALLOW), ("one that is not there", 1, [KICK + 2], KILL),
        ("awake", 1, [ANSWERS], ALLOW), ("output", 1, [1], KILL), ("errors", 1, [2], KILL), ("the pipe", 1, [LIFE], KILL),
        ("control", 1, [CONTROL], KILL), ("answers", 0, [ANSWERS], ALLOW), ("input", 0, [0], KILL), ("control read", 0, [CONTROL], KILL),
        ("few", 271, [0, 8, 0, 0], ALLOW), ("many", 271, [0, 9, 0, 0], KILL), ("a mask", 271, [0, 1, 0, 0x1000], KILL),
        ("a mask high up", 271, [0, 1, 0, HIGH], KILL), ("random", 318, [0, 8, 0], ALLOW), ("much of it", 318, [0, 65, 0], KILL),
        ("high up", 318, [0, HIGH | 8, 0], KILL), ("with flags", 318, [0, 8, 1], KILL), ("time", 228, [1], ALLOW),
        ("of processes", 228, [2], KILL), ("another's", 228, [-6], KILL), ("no KVM", 16, [6, KVM_RUN], KILL), ("no timer", 223, [0, 0], KILL),
        ("a disk", 295, [DISK, 0, 1], KILL), ("a file", 257, [-100], KILL), ("memory", 9, [0], KILL), ("code", 10, [0, 4096, 5], KILL),
        ("a thread", 56, [0], KILL), ("a program", 59, [0], KILL), ("a socket", 41, [1], KILL), ("a signal", 62, [1, 9], KILL),
        ("the end", 231, [0], ALLOW)],
    "io": [
        ("a kick", 0, [KICK], ALLOW), ("that of the disk", 0, [KICK + 1], ALLOW), ("another", 0, [KICK + 2], KILL),
        ("answers", 1, [ANSWERS], ALLOW), ("its pipe", 1, [LIFE], KILL), ("a kick of its own", 1, [KICK], KILL),
        ("input", 19, [0], ALLOW), ("input of the channel", 0, [0], ALLOW), ("output", 20, [1], ALLOW), ("errors", 20, [2], ALLOW),
        ("input written", 20, [0], KILL), ("output read", 19, [1], KILL), ("no tap", 19, [TAP], KILL), ("nor written", 20, [TAP], KILL),
        ("the disk", 295, [DISK, 0, 32], ALLOW), ("many pieces", 295, [DISK, 0, 33], KILL), ("a second one", 295, [DISK + 1, 0, 1], KILL),
        ("written", 296, [DISK, 0, 1], ALLOW), ("another written", 296, [1, 0, 1], KILL), ("flushed", 75, [DISK], ALLOW),
        ("another flushed", 75, [1], KILL), ("a hole", 285, [DISK, 3], ALLOW), ("made larger", 285, [DISK, 0], KILL),
        ("zeroed", 285, [DISK, 0x10], KILL), ("the terminal's size", 16, [0, TIOCGWINSZ], ALLOW), ("a byte into it", 16, [0, TIOCSTI], KILL),
        ("that of another", 16, [1, TIOCGWINSZ], KILL), ("the same high up", 16, [0, HIGH | TIOCGWINSZ], ALLOW),
        ("waiting", 271, [0, 64, 0, 0], ALLOW), ("a mask", 271, [0, 1, 0, 8], KILL), ("random", 318, [0, 4096, 0], ALLOW),
        ("much of it", 318, [0, 4097, 0], KILL), ("a file", 257, [-100], KILL), ("memory", 9, [0], KILL), ("a thread", 56, [0], KILL),
        ("a socket", 41, [1], KILL), ("ptrace", 101, [0], KILL), ("their memory", 310, [1], KILL), ("the end", 231, [0], ALLOW)],
    "media": [
        ("a kick of the drives", 0, [KICK + 1], ALLOW), ("no disk", 295, [DISK, 0, 1], KILL), ("nor a hole in one", 285, [DISK, 3], KILL),
        ("a drive", 295, [DRIVE, 0, 32], ALLOW), ("the last", 296, [DRIVE + 3, 0, 1], ALLOW), ("one more", 295, [DRIVE + 4, 0, 1], KILL),
        ("flushed", 75, [DRIVE], ALLOW), ("a hole", 285, [DRIVE, 3], KILL), ("taken out", 3, [DRIVE + 2], ALLOW), ("the kick closed", 3, [KICK], KILL),
        ("its size changed", 77, [DRIVE, 0], KILL), ("moat", 288, [LISTENING, 0, 0], ALLOW), ("another socket", 288, [VISITOR, 0, 0], KILL),
        ("heard", 47, [VISITOR], ALLOW), ("the last heard", 47, [VISITOR + 7], ALLOW), ("one more heard", 47, [VISITOR + 8], KILL),
        ("a drive heard", 47, [DRIVE], KILL), ("answered", 1, [VISITOR], ALLOW), ("a drive written to", 1, [DRIVE], KILL),
        ("a file's size", 8, [VISITOR + 4, 0, 2], ALLOW), ("its place", 8, [VISITOR + 4, 0, 0], KILL), ("elsewhere", 8, [VISITOR + 4, HIGH, 2], KILL),
        ("a drive's", 8, [DRIVE, 0, 2], KILL), ("tried", 295, [VISITOR + 4, 0, 1], ALLOW), ("read", 295, [VISITOR + 4, 0, 2], KILL),
        ("tried to write", 296, [VISITOR + 4, 0, 0], ALLOW), ("written", 296, [VISITOR + 4, 0, 1], KILL),
        ("put in", 33, [VISITOR + 4, DRIVE + 1], ALLOW), ("over another", 33, [VISITOR + 4, KICK], KILL), ("a drive copied", 33, [DRIVE, VISITOR], KILL),
        ("by another call", 292, [VISITOR + 4, DRIVE, 0], KILL), ("let go", 3, [VISITOR + 7], ALLOW), ("sent on", 46, [VISITOR], KILL),
        ("a file", 257, [-100], KILL), ("a socket", 41, [1], KILL), ("connected", 42, [VISITOR], KILL), ("memory", 9, [0], KILL)],
}[sys.argv[1]]
wrong = 0
for label, nr, args, want in CASES:
    got = verdict(nr, args)
    if got != want or verdict(nr, args, I386) != KILL or verdict(nr | X32, args) != KILL:
        wrong += 1
        print(f"wrong: {label}: got {got:#x}")
if not wrong:
    print("ok", len(CASES))
