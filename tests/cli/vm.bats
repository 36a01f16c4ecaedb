#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b vm: a PC that boots GRUB from a floppy; what moat vm shows and does; images behind a PC; what is refused.
bats_require_minimum_version 1.5.0
load run

FIRMWARE=/usr/share/seabios/bios-256k.bin
RESCUE=/usr/lib/grub-rescue/grub-rescue-floppy.img

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
}

setup()
{
    run_setup
    truncate -s 1440K blank
}

teardown() { run_teardown; }

needs_firmware() { [ -e "$FIRMWARE" ] || skip "no firmware: apt install seabios"; }

# A floppy with GRUB's menu; the package's file is shorter than a floppy.
needs_grub()
{
    needs_firmware
    [ -e "$RESCUE" ] || skip "needs $RESCUE (Debian package grub-rescue-pc)"
    cp "$RESCUE" grub
    truncate -s 1440K grub
}

# pc NAME OPTION...: one that runs behind our back
pc() { "$MOAT" run -d --name "$1" -b vm --accel soft -m 16m "${@:2}" > /dev/null; }

# shows NAME TEXT: a line of its screen has it
shows() { "$MOAT" vm text "$1" | grep -qF -- "$2"; }

gone() { "$MOAT" rm -f "$@" > /dev/null; }

vm() { run --separate-stderr timeout 20 "$MOAT" vm "$@"; }

# refused SENTENCE OPTION...
refused()
{
    run --separate-stderr timeout 20 "$MOAT" run --rm -b vm "${@:2}"
    assert_status 125
    [[ $stderr == *"$1"* ]] || { echo "# $stderr" >&2; return 1; }
}

# ---- the screen and the keys --------------------------------------------------------------------------------------

@test "GRUB's menu is on the screen, as lines and as JSON" {
    needs_grub
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    vm text one
    assert_status 0
    assert_contains "GNU GRUB"
    assert_contains "│*GNU/Linux"
    refute_match ' $'
    require_command jq
    vm text --json one
    [ "$(jq -r '[.mode, .columns, .rows, .width, .height, (.lines | length)] | join(" ")' <<< "$output")" = "text 80 25 720 400 25" ]
    gone one
}

@test "keys are typed and pressed, and a mistake presses none" {
    needs_grub
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    vm sendkey one down
    assert_status 0
    wait_for 20 shows one "│*GNU (aka"
    "$MOAT" vm type one c
    wait_for 20 shows one "grub>"
    "$MOAT" vm type one 'echo A"b"!{\\}~ x\b\by'
    wait_for 20 shows one 'grub> echo A"b"!{\}~y'
    "$MOAT" vm sendkey one ctrl-u
    "$MOAT" vm sendkey one e c h o spc shift-z minus kp_7 ret
    wait_for 20 shows one 'echo Z-'
    vm type one 'echo wrongé'
    assert_status 1
    [[ $stderr == *"'é' at 'é': no key of a US keyboard makes it"* ]]
    vm type one 'echo wrong\x'
    [[ $stderr == *'the escapes are \n'* ]]
    vm sendkey one ctrl-alt-dell
    [[ $stderr == *"'dell' is no key: did you mean 'del'?"* ]]
    vm sendkey one ret xyzzy
    [[ $stderr == *"'xyzzy' is no key: a letter, a digit, or "*"ctrl"* ]]
    "$MOAT" vm type one '\e'
    wait_for 20 shows one "Memtest86+"
    run "$MOAT" vm text one
    refute_contains wrong
    gone one
}

@test "a screenshot is a PNG of the picture's size" {
    needs_grub
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    vm screenshot one shot.png
    assert_status 0
    assert_output ""
    # Signature, and the header's width and height.
    [ "$(head -c 24 shot.png | od -An -tx1 | tr -d ' \n')" = "89504e470d0a1a0a0000000d49484452000002d000000190" ]
    [ "$(tail -c 8 shot.png | od -An -tx1 | tr -d ' \n')" = 49454e44ae426082 ]
    "$MOAT" vm screenshot one - > other.png
    [ "$(head -c 8 other.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
    vm screenshot one /nope/shot.png
    assert_status 1
    [[ $stderr == *"/nope/shot.png: No such file"* ]]
    gone one
}

# boots NAME BYTES: a floppy of 1.44 MB whose first sector these begin, in octal for printf.
boots()
{
    truncate -s 1440K "$1"
    printf "$2" | dd of="$1" conv=notrunc status=none
    printf '\125\252' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

@test "more text than a keyboard has room for is typed whole" {
    needs_firmware
    boots echoes '\264\000\315\026\264\016\315\020\353\366' # mov ah, 0; int 0x16; mov ah, 14; int 0x10; jmp
    pc one --floppy echoes
    wait_for 60 shows one "Booting from Floppy"
    # 2,114 presses and releases: with Shift, four a letter.
    text=$(printf 'ABCDEFGH%.0s' $(seq 66))z
    "$MOAT" vm type one "$text"
    wait_for 90 shows one GHz
    "$MOAT" vm text one | tr -d '\n' | grep -qF "$text"
    gone one
}

@test "a picture has no lines, and its size" {
    needs_firmware
    require_command jq
    boots graphic '\270\023\000\315\020\364\353\375' # mov ax, 0x13; int 0x10; hlt; jmp
    pc one --floppy graphic
    is_graphic() { [ "$("$MOAT" vm text --json one | jq -r '[.mode, .width, .height] | join(" ")')" = "graphics 640 400" ]; }
    wait_for 60 is_graphic
    vm text one
    assert_status 1
    [[ $stderr == *"it shows a picture of 640 x 400 points: moat vm screenshot one FILE.png"* ]]
    "$MOAT" vm screenshot one shot.png
    [ "$(head -c 24 shot.png | tail -c 8 | od -An -tx1 | tr -d ' \n')" = 0000028000000190 ]
    gone one
}

@test "what a machine says that was taken over is not believed" {
    needs_firmware
    require_command python3
    boots asleep '\364\353\375'
    pc one --floppy asleep
    wait_for 20 "$MOAT" vm text one
    rm "$MOAT_RUN_DIR/one/engine.sock"
    cat > liar.py <<'END'
import array, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
SCREEN, REPLY = 13, 0x8000
header = lambda kind, code, n: struct.pack("<IHHIIiI", 0x74616F6D, 1, kind, n, 1, code, 0)
picture = lambda *sizes: b"MOATSCR\n" + struct.pack("<10IQ", 1, *sizes, 0)
written = [b"", b"x" * 3000000, picture(1, 80, 25, 0, 0, 0, 720, 400, 0)[:64], picture(2, 0, 0, 0, 0, 0, 1 << 31, 1 << 31, 0) + bytes(99)]
answers = [(SCREEN | REPLY, 0, b"", w) for w in written]
answers += [(1 | REPLY, 0, b"", b""), (SCREEN | REPLY, -22, b"a\x1b[31m\xffb" + b"c" * 900, b""), (SCREEN | REPLY, 7, b"", b"")]
for kind, code, said, text in answers:
    c, _ = s.accept()
    _, control, _, _ = c.recvmsg(2000, 64)
    fds = array.array("i")
    for level, type, data in control:
        fds.frombytes(data[:4])
    if text:
        os.pwrite(fds[0], text, 0)
    c.send(header(kind, code, len(said)) + said)
    c.close()
c, _ = s.accept()
c.recv(2000)
c.close()
END
    exec 8< <(python3 liar.py "$MOAT_RUN_DIR/one/engine.sock" 3>&-)
    read -r -t 20 word <&8
    for _ in 1 2 3 4; do
        vm text one
        assert_status 1
        [[ $stderr == *"what its machine wrote is no picture"* ]]
    done
    vm text one
    assert_status 1
    [[ $stderr == *"gave another answer than asked for"* ]]
    vm text one
    assert_status 1
    [[ $stderr == *"a?[31m?bc"* && ${#stderr} -lt 300 ]]
    vm text one
    assert_status 1
    [[ $stderr == *"its display: "* ]]
    vm text one
    assert_status 1
    [[ $stderr == *"has just ended"* ]]
    vm text one
    assert_status 1
    [[ $stderr == *"its engine does not answer"* ]]
    exec 8<&-
    gone one
}

@test "a question that is wrong is answered so, and the machine goes on" {
    needs_firmware
    require_command python3
    boots asleep '\364\353\375'
    pc one --floppy asleep
    wait_for 20 "$MOAT" vm text one
    cat > asker.py <<'END'
import os, socket, struct, sys
SCREEN, KEYS, MACHINE = 13, 14, 15
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
def ask(kind, payload, *fds):
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", f)) for f in fds]
    s.sendmsg([struct.pack("<IHHIIiI", 0x74616F6D, 1, kind, len(payload), 1, 0, 0) + payload], control)
    answer = s.recv(2000)
    code = struct.unpack_from("<i", answer, 16)[0]
    print(os.strerror(-code), answer[24:].decode(), sep=": ")
ask(SCREEN, b"")
ask(SCREEN, b"", os.open("/dev/null", os.O_RDONLY))
ask(KEYS, struct.pack("<IH", 2, 0x1c))
ask(KEYS, struct.pack("<I", 257) + bytes(514))
ask(KEYS, struct.pack("<IH", 1, 0xffff))
ask(KEYS, b"")
ask(MACHINE, struct.pack("<I", 9))
ask(99, b"")
END
    run timeout 20 python3 asker.py "$MOAT_RUN_DIR/one/engine.sock"
    assert_status 0
    assert_output "Bad file descriptor: no file came with the question
Bad file descriptor: the picture cannot be written
Invalid argument: a machine has no such key, or not so many at once
Invalid argument: a machine has no such key, or not so many at once
Invalid argument: a machine has no such key, or not so many at once
Invalid argument: a machine has no such key, or not so many at once
Operation not supported: it has no such button
Operation not supported: "
    wait_for 20 "$MOAT" vm text one
    gone one
}

@test "reset begins at the firmware again, with the same machine" {
    needs_grub
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    "$MOAT" vm type one c
    wait_for 20 shows one "grub>"
    vm reset one
    assert_status 0
    wait_for 60 shows one "Memtest86+"
    [ "$("$MOAT" ps -q --filter name=one --filter status=running | wc -l)" = 1 ]
    gone one
}

@test "the display is drawn in a terminal, takes its keys, and is left and found again" {
    needs_grub
    require_command python3
    cat > typist.py <<'END'
import fcntl, os, pty, re, select, struct, subprocess, sys, termios, time
def run(words, steps):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
        os.execv(words[0], words)
    seen, end, steps = b"", time.monotonic() + 90, list(steps)
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                more = os.read(fd, 65536)
            except OSError:
                break
            if not more:
                break
            seen += more
        if steps and re.search(steps[0][0], seen):
            step = steps.pop(0)[1]
            seen = b""
            if isinstance(step, bytes):
                os.write(fd, step)
            else:
                subprocess.run(step, stdout=subprocess.DEVNULL)
    else:
        print("too late; left:", steps, seen[-400:])
        os.kill(pid, 9)
    print("end", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len(steps))
    return seen
moat = sys.argv[1]
run([moat, "run", "-it", "--name", "shown", "-b", "vm", "--accel", "soft", "-m", "16m", "--floppy", "grub,ro"],
    [(rb"Memtest86\+", b"c"), (rb"grub>", b"\x10\x11")])
run([moat, "attach", "shown"], [(rb"grub>", b"echo se\x1b[Den\r"), (rb"\[[0-9;]*Hsene", b"\x10\x11")])
seen = run([moat, "attach", "shown"], [(rb"sene", [moat, "stop", "-t", "0", "shown"])])
print(bool(re.search(rb"\x1b\[0m\x1b\[\?25h\s+$", seen)))
END
    run timeout 200 python3 typist.py "$MOAT"
    assert_output "end 0 0
end 0 0
end 137 0
True"
    gone_by_itself() { [ -z "$("$MOAT" ps -a -q --filter name=shown)" ]; } # in the foreground it is as with --rm
    wait_for 20 gone_by_itself
}

# ---- drives -------------------------------------------------------------------------------------------------------

@test "media are changed while it runs, and seen" {
    needs_grub
    require_command mformat mtools
    mformat -i blank -f 1440 -v MARK ::
    echo words | mcopy -i blank - ::/letter
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    "$MOAT" vm type one c
    wait_for 20 shows one "grub>"
    vm insert one floppy1 blank
    assert_status 0
    "$MOAT" vm type one 'cat (fd1)/letter\n'
    wait_for 20 shows one words
    vm eject one floppy1
    assert_status 0
    vm eject one floppy1
    assert_status 1
    [[ $stderr == *"the drive is empty"* ]]
    vm insert one cdrom0 blank
    assert_status 0
    vm eject one cdrom0
    assert_status 0
    truncate -s 1000000 odd
    vm insert one floppy1 odd
    [[ $stderr == *"odd: 1000000 bytes are no floppy disk's size: there are 160,"* ]]
    vm insert one floppy1 /nope
    [[ $stderr == *"/nope: No such file"* ]]
    vm insert one hda blank
    [[ $stderr == *"a hard disk stays while its machine runs"* ]]
    vm eject one a:
    [[ $stderr == *"the drives are floppy0 (A:), floppy1 (B:) and cdrom0"* ]]
    gone one
}

@test "a floppy that is put into an empty drive is booted after a reset" {
    needs_grub
    pc one --floppy none
    wait_for 60 shows one "No bootable device"
    "$MOAT" vm insert one floppy0 grub,ro
    "$MOAT" vm reset one
    wait_for 60 shows one "Memtest86+"
    gone one
}

@test "a disk is one machine's, unless all that have it only read it" {
    needs_grub
    pc one --floppy grub
    wait_for 60 shows one GRUB
    refused "--floppy grub: another machine has it" --floppy grub
    refused "--hda grub: another machine has it" --hda grub,ro
    pc two --floppy blank,ro
    wait_for 20 "$MOAT" vm text two
    vm insert two floppy1 grub,ro
    assert_status 1
    [[ $stderr == *"grub: another machine has it"* ]]
    vm insert one floppy1 blank,ro
    assert_status 0
    vm insert one floppy0 grub # its own
    assert_status 1
    [[ $stderr == *"or this one: then moat vm eject first"* ]]
    gone one
    wait_for 20 "$MOAT" vm insert two floppy1 grub
    gone two
}

# ---- its life -----------------------------------------------------------------------------------------------------

@test "it is saved at its menu and goes on from there, with its keys and its disk" {
    needs_grub
    pc one --floppy grub
    wait_for 60 shows one "Memtest86+"
    "$MOAT" vm sendkey one down
    wait_for 20 shows one "│*GNU (aka"
    "$MOAT" snapshot --end one kept
    over() { [ "$("$MOAT" inspect one | jq -r '.[0].State.Status')" = exited ]; }
    require_command jq
    wait_for 20 over
    run --separate-stderr "$MOAT" run --rm -b microvm --restore kept
    assert_status 125
    [[ $stderr == *"it is a snapshot of -b vm"* ]]
    "$MOAT" restore -d --name two --accel soft kept > /dev/null
    wait_for 20 shows two "│*GNU (aka"
    run --separate-stderr "$MOAT" restore --rm kept
    assert_status 125
    [[ $stderr == *"--floppy $PWD/grub: another machine has it"* ]]
    "$MOAT" vm type two c
    wait_for 20 shows two "grub>"
    "$MOAT" vm type two 'ls (fd0)/\n'
    wait_for 20 shows two "boot/"
    "$MOAT" snapshot --rm kept > /dev/null
    gone one two
}

@test "it stands still while it is paused, starts again after it was stopped, and says how it is" {
    needs_grub
    require_command jq
    pc one --floppy grub,ro
    wait_for 60 shows one "Memtest86+"
    "$MOAT" pause one > /dev/null
    vm text one
    assert_status 1
    [[ $stderr == *"sandbox one is paused: moat unpause one"* ]]
    "$MOAT" unpause one > /dev/null
    shows one "Memtest86+"
    vm powerdown one # GRUB has no ear for it
    assert_status 0
    "$MOAT" stop -t 0 one > /dev/null
    vm text one
    assert_status 1
    [[ $stderr == *"sandbox one is not running"* ]]
    run "$MOAT" ps -a --format '{{.Image}} {{.Command}}'
    assert_output 'grub,ro "boot floppy0 cdrom0"'
    "$MOAT" start one > /dev/null
    wait_for 60 shows one "Memtest86+"
    [ "$("$MOAT" inspect one | jq -r '.[0].Boundary')" = vm ]
    gone one
}

@test "moat vm is about PCs alone, and says what it can do" {
    "$MOAT" run -d --name plain busybox sleep 1000 > /dev/null
    vm text plain
    assert_status 1
    [[ $stderr == *"sandbox plain is behind -b container: moat vm is about -b vm"* ]]
    gone plain
    vm text nobody
    assert_status 1
    vm
    assert_status 125
    [[ $stderr == *"text, screenshot, type, sendkey, insert, eject, reset or powerdown"* ]]
    vm shout one
    assert_status 125
    vm insert one floppy0
    [[ $stderr == *"moat vm insert SANDBOX floppy0|floppy1|cdrom0 FILE[,ro]"* ]]
    run "$MOAT" vm --help
    assert_success
    assert_contains "ctrl-alt-del"
}

# ---- images and kernels -------------------------------------------------------------------------------------------

kernel() { KERNEL=$("$MOAT_SRC/tests/kernel" 2> /dev/null) && KERNEL=$(find "$KERNEL/boot" -name 'vmlinuz-*' | sort -V | tail -n 1); }

@test "an image runs behind a PC, whose disk it sees" {
    kernel || skip "no kernel could be had: tests/kernel says why"
    run --separate-stderr sh -c 'echo in | timeout 120 "$0" run --rm -b vm --accel soft --kernel "$1" --hda blank \
        busybox sh -c "read -r x; echo \$x \$(cat /sys/bus/pci/devices/0000:00:01.1/vendor); exit 9"' "$MOAT" "$KERNEL"
    assert_status 9
    assert_output "in 0x8086"
}

# ---- refusals -----------------------------------------------------------------------------------------------------

@test "what a PC cannot have is refused by name, with what would do it" {
    needs_firmware
    refused "what is to run is missing: moat run -b vm with --floppy FILE, --cdrom FILE or --hda FILE"
    refused "--floppy /nope: No such file" --floppy /nope
    refused "--hda /tmp: it is no file" --hda /tmp
    refused "--disk x: a PC's disks are --hda, --cdrom and --floppy" --floppy blank --disk x
    refused "--network tap=x: a PC that boots from its disks has no network card yet" --floppy blank --network tap=x
    refused "--cpus: a PC has one processor so far" --floppy blank --cpus 2
    refused "--volume: a machine sees the files of its image and of its disks" --floppy blank -v /tmp:/tmp
    refused "--env: what a PC boots says that itself" --floppy blank -e A=1
    refused "--append: it goes with --kernel FILE" --hda blank --append quiet
    refused "--memory: 3145728 bytes are too few for a PC: 4m is the least" --floppy blank -m 3m
    refused "--boot ax: up to three of a (floppy)" --boot ax --floppy blank
    refused "--display window: terminal or none" --display window --floppy blank
    refused "--floppy c: a PC has two drives" --floppy a --floppy b --floppy c
    refused "--machine kut: -b vm is a PC" --machine kut --floppy blank
    refused "--display none: -t is for the display" -t --display none --floppy blank
    refused "-t: a program behind -b vm has standard streams" -t busybox true
    refused "--boot: a machine that is entered at a kernel has no firmware" --boot a busybox true
    refused "--display terminal: without firmware nobody sets the display up" --display terminal busybox true
    truncate -s 1000 odd
    refused "--floppy odd: 1000 bytes are no floppy disk's size" --floppy odd
    refused "--hda odd: 1000 bytes are no disk" --hda odd
    refused "--cdrom odd: 1000 bytes are no CD-ROM" --cdrom odd
    refused "--floppy ./blank: it is in another drive already" --floppy blank --floppy ./blank
    refused "--hda blank: it is in another drive already" --floppy none --floppy blank,ro --hda blank
    refused "blank: it is no image, but a file: --floppy, --cdrom or --hda blank boots from it" blank true
    run --separate-stderr "$MOAT" run --rm -b microvm --floppy blank busybox true
    assert_status 125
    [[ $stderr == *"--floppy, --cdrom, --hda, --boot, --display and --firmware are about a whole PC: -b vm has them"* ]]
}

@test "explain says what enforces each item, and a policy file of JSON is taken" {
    needs_firmware
    echo '{"version": 1, "limits": {"memory": "32m"}}' > p.json
    run "$MOAT" explain -b vm --policy p.json --floppy blank,ro --floppy none
    assert_success
    [[ $output == *"guest's memory"*"32 MiB"* ]]
    [[ $output == *"floppy"*"blank, read-only"* ]]
    [[ $output == *"guest's system calls"*"answered inside"* ]]
    echo '{"version": 1, "network": {"mode": "host"}}' > p.json
    refused "network" --policy p.json --floppy blank
}
