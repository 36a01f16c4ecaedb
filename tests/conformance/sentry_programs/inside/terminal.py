# SPDX-License-Identifier: Apache-2.0
"""A bash on a terminal of its own, and what a user would type. Prints what the terminal showed, without what differs
from run to run (process numbers)."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

pid, master = pty.fork()
if pid == 0:
    os.environ.update(PS1="ready> ", TERM="dumb", HISTFILE="", INPUTRC="/dev/null")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
text = ""


def read(until, seconds=20.0):
    global text
    end, seen = time.monotonic() + seconds, ""
    while until not in seen:
        left = end - time.monotonic()
        if left <= 0 or not select.select([master], [], [], left)[0]:
            break
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data.decode(errors="replace")
    text += seen


def type_in(words, until="ready> "):
    os.write(master, words.encode())
    read(until)


read("ready> ")
type_in("tty | sed s/[0-9]*$//\n")
type_in("stty size; stty -a | tr ';' '\\n' | grep -E 'intr|susp|eof'\n")
type_in("sleep 100\n", "\n")
time.sleep(0.7)
type_in("\x1a")
type_in("jobs\n")
type_in("bg\n")
type_in("fg\n", "sleep 100\r\n")
time.sleep(0.7)
type_in("\x03")
type_in("echo status $?\n")
type_in("cat\n", "\n")
time.sleep(0.5)
type_in("some words\x7f\x7f\n", "wor\r\n")
time.sleep(0.3)
type_in("\x04")
type_in("cat /dev/tty >/dev/null &\n")
time.sleep(0.5)
type_in("\n")
type_in("kill -KILL %1; sleep 0.5\n")
type_in("sleep 50 | cat\n", "\n")
time.sleep(0.7)
type_in("\x1c")
type_in("trap 'echo window' WINCH; echo set\n")
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
read("window", 5)
read("nothing more", 0.5)
type_in("stty size\n")
type_in("exit 7\n", "exit\r\n")
_, status = os.waitpid(pid, 0)
text = re.sub(r"\[(\d+)\] \d+", r"[\1] N", text)
# A prompt more or less is bash's own haste, and so is whether ^\\ is echoed before its effect.
for line in text.replace("\r", "").replace("ready> ", "\n").replace("^\\", "\n^\\\n").split("\n"):
    if line.strip() and not line.startswith("exit"):
        print(line.rstrip())
print("status", os.waitstatus_to_exitcode(status))
sys.exit(0)
