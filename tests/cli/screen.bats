#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat-screen alone: a display's bytes become a PNG file, and whatever else comes is refused.
bats_require_minimum_version 1.5.0
load ../lib

SCREEN=$MOAT_BUILD/libexec/moat-screen

setup()
{
    require_command python3
    cd "$BATS_TEST_TMPDIR" || return
}

# display MODE COLUMNS ROWS WIDTH HEIGHT [BYTES]: the bytes of machine/screen.h, BYTES more or less
display()
{
    python3 - "$@" << 'END'
import struct, sys
mode, columns, rows, width, height, more = (list(map(int, sys.argv[1:])) + [0])[:6]
all = struct.pack("<8sIIIIIIIIIIQ", b"MOATSCR\n", 1, mode, columns, rows, 0, 0, 0, width, height, 0, 1)
all += b" \x07" * (columns * rows) + bytes(i // 3 for i in range(768)) + bytes(i % 251 for i in range(width * height))
sys.stdout.buffer.write(all[:more] if more < 0 else all + bytes(more))
END
}

# What a picture is: its size, its colours, and whether its points are those of display().
picture()
{
    python3 - "$1" << 'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
at, chunks = 8, {}
while at < len(data):
    n, name = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + n]
    assert struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(name + body), "a chunk's sum is wrong"
    chunks[name] = chunks.get(name, b"") + body
    at += 12 + n
width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
points = zlib.decompress(chunks[b"IDAT"])
rows = [points[y * (width + 1) + 1:(y + 1) * (width + 1)] for y in range(height)]
whole = b"".join(rows) == bytes(i % 251 for i in range(width * height))
dark = not any(points) and not any(chunks[b"PLTE"])
print(width, "x", height, depth, "bit", "palette" if kind == 3 else kind, "whole" if whole else "black" if dark else "other")
END
}

@test "a display becomes a picture of its size" {
    display 1 80 25 720 400 > text
    "$SCREEN" png < text > text.png
    run picture text.png
    assert_output "720 x 400 8 bit palette whole"
    display 2 0 0 1440 1200 > graphics
    "$SCREEN" png < graphics > graphics.png
    run picture graphics.png
    assert_output "1440 x 1200 8 bit palette whole"
}

@test "a display that is off is a black picture" {
    display 0 0 0 0 0 > blank
    "$SCREEN" png < blank > blank.png
    run picture blank.png
    assert_output "640 x 400 8 bit palette black"
}

@test "what is no display is refused with one sentence, and nothing is written" {
    # label: arguments of display()
    while IFS=: read -r label arguments; do
        # shellcheck disable=SC2086
        display $arguments > wrong
        run --separate-stderr "$SCREEN" png < wrong
        echo "# $label"
        assert_status 125
        assert_equal "$output" ""
        assert_equal "${stderr%%(*}" "moat: what came is not a display "
    done << 'END'
one byte is missing:1 80 25 720 400 -1
one byte more:1 80 25 720 400 1
too wide:2 0 0 1441 400
too high:2 0 0 720 1201
too many columns:1 161 25 720 400
a mode that there is not:3 0 0 720 400
a blank one with points:0 0 0 1 1
text without characters:1 0 0 720 400
END
    run --separate-stderr "$SCREEN" png < /dev/null
    assert_status 125
    assert_equal "$stderr" "moat: what came is not a display (0 bytes of at most 1760824)"
    run --separate-stderr "$SCREEN" png < /dev/zero # without an end
    assert_status 125
    assert_equal "$stderr" "moat: what came is not a display (1760825 bytes of at most 1760824)"
}

@test "a picture that cannot be written is said" {
    display 1 80 25 720 400 > text
    run bash -c '"$0" png < text > /dev/full' "$SCREEN"
    assert_status 125
    assert_output "moat: write the picture: No space left on device"
}

@test "it does one thing" {
    for words in "" "jpeg" "png more"; do
        # shellcheck disable=SC2086
        run "$SCREEN" $words < /dev/null
        assert_status 125
        assert_output "moat: moat-screen is started by moat vm screenshot"
    done
}

@test "it is shut in before the first byte comes" {
    mkfifo bytes
    "$SCREEN" png < bytes > text.png 3>&- &
    pid=$!
    exec 7> bytes
    for ((i = 0; i < 1000; i++)); do # it waits for bytes when it is behind its filter
        ! grep -q '^Seccomp:.2$' "/proc/$pid/status" || break
        sleep 0.01
    done
    run grep -E '^(Seccomp|NoNewPrivs|CapEff):' "/proc/$pid/status"
    assert_output "CapEff:	0000000000000000
NoNewPrivs:	1
Seccomp:	2"
    display 1 80 25 720 400 >&7
    exec 7>&-
    wait "$pid"
    run picture text.png
    assert_output "720 x 400 8 bit palette whole"
}
