#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""installed_filter.py PID: the newest system-call filter of a process, as the kernel has it, in the form of `moat policy dump
--bpf --json`. Needs root and a kernel with CONFIG_CHECKPOINT_RESTORE; exit status 3 without."""
import ctypes
import errno
import json
import struct
import os
import sys

ATTACH, DETACH, GET_FILTER = 16, 17, 0x420C

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address, data):
    n = libc.ptrace(request, pid, address, data)
    if n < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return n


pid = int(sys.argv[1])
ptrace(ATTACH, pid, None, None)
os.waitpid(pid, 0)
try:
    n = ptrace(GET_FILTER, pid, 0, None)
    buffer = ctypes.create_string_buffer(8 * n)
    ptrace(GET_FILTER, pid, 0, ctypes.addressof(buffer))
except OSError as e:
    sys.exit(3 if e.errno in (errno.EACCES, errno.EIO, errno.EINVAL) else str(e))
finally:
    ptrace(DETACH, pid, None, None)
print(json.dumps([dict(zip(("code", "jt", "jf", "k"), i)) for i in struct.iter_unpack("=HBBI", buffer.raw)]))
