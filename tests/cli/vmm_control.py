#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmm_control.py VMM GUEST LETTER WORD...: starts a machine with a control descriptor (boundary/control.h), waits until its guest says
"ready", then does each WORD, and prints what came back:

signal=N   CONTROL_SIGNAL with signal N: "answer CODE"
type=N     a record of type N: "answer CODE"
junk       bytes that are no record; version: a record of a later version
input=TEXT the guest's standard input gets it
end        waits for the end: "end CODE REASON", and the process's own status "status N"
"""
import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import control_records  # noqa: E402

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
child = subprocess.Popen([sys.argv[1], "--accel", "soft", "--control-fd", str(theirs.fileno()), "--kernel", sys.argv[2], "--append", sys.argv[3]],
                         pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
theirs.close()
signal.alarm(50)
assert child.stdout.readline() == b"ready\n"
control = control_records.Control(ours, 40)
for word in sys.argv[4:]:
    what, _, value = word.partition("=")
    if what == "input":
        child.stdin.write(value.encode())
        child.stdin.flush()
    else:
        control_records.do(control, child, what, value)
child.kill()
child.wait()
