# SPDX-License-Identifier: Apache-2.0
# What a process may use is its own business and the kernel's.
cd /tmp || exit 1
(ulimit -v 200000; python3 -c 'x = bytearray(300 << 20)' 2>&1 | tail -1)
(ulimit -t 1; python3 -c 'while True: pass'); echo "time $?"
(ulimit -s 256; python3 -c 'print(1)')
(ulimit -n 5; ls /nothing >/dev/null 2>&1; echo "files $?")
(ulimit -c 0; python3 -c 'import os; os.abort()' 2>/dev/null); echo "abort $?"
nice -n 5 bash -c 'ps -o ni= -p $$' | tr -d ' '
python3 - <<'END'
import resource, os
print(resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 1000)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)); resource.setrlimit(resource.RLIMIT_NOFILE, (100, 50))
except ValueError as e:
    print(e)
print(os.sched_yield(), os.getpriority(os.PRIO_PROCESS, 0), len(os.sched_getaffinity(0)) > 0)
END
