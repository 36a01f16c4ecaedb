# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: person.py [-s ROWSxCOLS] STEP... -- COMMAND [ARG...]

Runs COMMAND in a terminal of its own and goes through the steps; each has ten seconds.
  expect:TEXT     waits until TEXT was printed behind what earlier steps have seen (\\n, \\x03 and so on are read)
  send:TEXT       types it
  pause:SECONDS   does nothing and reads nothing
  resize:RxC      changes the size of the window
  modes           remembers the terminal's modes
  same-modes      fails unless they are as remembered
  raw             fails unless the terminal is in raw mode within the time
  kill:NAME:FILE  sends a signal to the process whose pid is in FILE
All that was printed goes to standard output. Exit status: the command's (128+N for a signal), 99 when a step failed.
"""
import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 10


class Person:
    def __init__(self, size, command):
        self.seen, self.at, self.kept = b"", 0, None
        self.child, self.master = pty.fork()
        if self.child == 0:
            self.resize(size, 0)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that is inherited
            os.execvp(command[0], command)
        self.resize(size)

    def resize(self, size, fd=None):
        rows, cols = map(int, size.split("x"))
        fcntl.ioctl(self.master if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def read(self, seconds):
        """False at the end of the terminal."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            self.seen += data
            return bool(data)
        return True

    def until(self, what, true):
        end = time.monotonic() + LIMIT
        alive = True
        while not true():
            if not alive or time.monotonic() > end:
                self.fail(f"{what}: {'the terminal closed' if not alive else 'not within %d s' % LIMIT}")
            alive = self.read(0.02)

    def fail(self, why):
        sys.stdout.buffer.write(self.seen)
        print(f"\nperson.py: {why}", file=sys.stderr)
        try:
            os.killpg(self.child, signal.SIGHUP)
            os.kill(self.child, signal.SIGKILL)
        except OSError:
            pass
        sys.exit(99)

    def modes(self):
        """Modes as the command's side has them."""
        return termios.tcgetattr(self.master)

    def step(self, step):
        verb, _, text = step.partition(":")
        data = codecs.escape_decode(text.encode())[0]
        if verb == "expect":
            self.until(step, lambda: self.seen.find(data, self.at) >= 0)
            self.at = self.seen.find(data, self.at) + len(data)
        elif verb == "send":
            os.write(self.master, data)
        elif verb == "pause":
            time.sleep(float(text))
        elif verb == "resize":
            self.resize(text)
        elif verb == "kill":
            name, _, file = text.partition(":")
            with open(file) as f:
                os.kill(int(f.read()), getattr(signal, "SIG" + name))
        elif verb == "modes":
            self.kept = self.modes()
        elif verb == "same-modes":
            self.until(f"{step}: {self.kept} before", lambda: self.modes() == self.kept)
        elif verb == "raw":
            self.until(step, lambda: not self.modes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG))
        else:
            self.fail(f"unknown step {step}")

    def end(self):
        end = time.monotonic() + LIMIT
        while self.read(0.02):
            if time.monotonic() > end:
                self.fail("the command did not end")
        sys.stdout.buffer.write(self.seen)
        while time.monotonic() < end:
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            time.sleep(0.02)
        self.fail("the command did not end")


def main():
    arguments = sys.argv[1:]
    size = "24x80"
    if arguments[0] == "-s":
        size, arguments = arguments[1], arguments[2:]
    cut = arguments.index("--")
    person = Person(size, arguments[cut + 1:])
    for step in arguments[:cut]:
        person.step(step)
    sys.exit(person.end())


main()
