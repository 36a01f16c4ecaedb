#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes PNG files to try with: makepng.py DIRECTORY COUNT [SIDE]. The same arguments give the same files.

Colour, grey and palette, with and without alpha, 8 and 16 bits, interlaced or not: gradients with noise, so that they neither
compress to nothing nor not at all. With the usual side each has 256 KiB at least.
"""
import random
import struct
import sys
import zlib

# name, colour type of PNG, bits, samples a pixel
KINDS = (("rgb", 2, 8, 3), ("rgba", 6, 8, 4), ("grey", 0, 8, 1), ("palette", 3, 8, 1), ("rgb16", 2, 16, 3), ("grey-alpha", 4, 8, 2))
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def row_up(row, above):
    return bytes((a - b) & 255 for a, b in zip(row, above))


def rows(rng, width, height, bytes_a_pixel):
    noise = rng.randbytes(width * bytes_a_pixel * 4)
    for y in range(height):
        at = rng.randrange(len(noise) - width * bytes_a_pixel)
        part = noise[at:at + width * bytes_a_pixel]
        yield bytes(((x + y) & 0xC0) + (n & 0x3F) for x, n in enumerate(part))


def filtered(lines):
    """Every other row against the one above it, as encoders do."""
    out, above = [], None
    for y, line in enumerate(lines):
        out.append(b"\2" + row_up(line, above) if above is not None and y & 1 else b"\0" + line)
        above = line
    return b"".join(out)


def png(seed, side):
    name, colour, bits, samples = KINDS[seed % len(KINDS)]
    rng = random.Random(seed)
    per = samples * bits // 8
    width = height = side if per > 1 else 2 * side
    lines = list(rows(rng, width, height, per))
    interlaced = seed % 5 == 4
    if interlaced:
        data = b""
        for x0, y0, dx, dy in ADAM7:
            passed = [b"".join(line[x * per:(x + 1) * per] for x in range(x0, width, dx)) for line in lines[y0::dy]]
            data += filtered(passed) if passed and passed[0] else b""
    else:
        data = filtered(lines)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    if colour == 3:
        out += chunk(b"PLTE", rng.randbytes(768))
    return name, out + chunk(b"IDAT", zlib.compress(data, 1)) + chunk(b"IEND", b"")


def main():
    directory, count, side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 450
    for seed in range(count):
        name, data = png(seed, side)
        with open(f"{directory}/{seed:03}-{name}.png", "wb") as f:
            f.write(data)


main()
