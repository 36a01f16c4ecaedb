#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for moat-pull when it has been taken over: it answers moat's requests with lies. The repository says which."""
import hashlib
import io
import json
import os
import struct
import sys
import tarfile
import time

SETUP, REQUEST = 9000, 152  # sizes of image/pull_record.h
DEST, REPORT = 3, 4
MANIFEST_TYPE = b"application/vnd.oci.image.manifest.v1+json"


def read(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def report(kind, request, size=0, hexa=b"", kind_of=b"", text=b"", version=1, text_len=None, cut=None, times=1):
    record = struct.pack("=IIIIQ72s128s800s", version, kind, request, len(text) if text_len is None else text_len, size, hexa, kind_of, text)
    os.write(REPORT, record[:cut] * times)


def put(name, data):
    fd = os.open("blobs/sha256/" + name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=DEST)
    os.write(fd, data)
    os.close(fd)


def image():
    """A good one, by digest; the manifest is first."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        t.addfile(tarfile.TarInfo("file"))
    layer = tar.getvalue()
    config = json.dumps({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux",
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()

    def blob(data, kind):
        return {"mediaType": "application/vnd.oci.image." + kind, "size": len(data), "digest": "sha256:" + hashlib.sha256(data).hexdigest()}

    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE.decode(), "config": blob(config, "config.v1+json"),
                           "layers": [blob(layer, "layer.v1.tar")]}).encode()
    return {hashlib.sha256(data).hexdigest(): data for data in (manifest, config, layer)}


setup = read(SETUP)
lie = setup[24 + 272 : 24 + 272 + 256].split(b"\0")[0].decode().split("/")[-1]
number = 0
while True:
    version, kind, size, reference = struct.unpack("=IIQ136s", read(REQUEST))
    reference = reference.split(b"\0")[0].decode()
    document = b'{"schemaVersion":2,"config":{},"layers":[]}'
    hexa = hashlib.sha256(document).hexdigest()
    wanted = reference[7:] if reference.startswith("sha256:") else hexa
    if lie == "content":  # a name of 64 digits, and other bytes below it
        put(wanted, b'{"evil":1}')
        report(2, number, 10, wanted.encode(), MANIFEST_TYPE)
    elif lie == "other":  # good bytes, but not those that were pinned
        put(hexa, document)
        report(2, number, len(document), hexa.encode(), MANIFEST_TYPE)
    elif lie == "link":
        os.symlink("/etc/passwd", "blobs/sha256/" + wanted, dir_fd=DEST)
        report(2, number, os.stat("/etc/passwd").st_size, wanted.encode(), MANIFEST_TYPE)
    elif lie == "fifo":
        os.mkfifo("blobs/sha256/" + wanted, dir_fd=DEST)
        report(2, number, 0, wanted.encode(), MANIFEST_TYPE)
    elif lie == "path":
        report(2, number, 1, b"../../../../../../../../../../../../../../../../etc/passwd", MANIFEST_TYPE)
    elif lie == "number":
        report(2, 77, 1, wanted.encode())
    elif lie == "version":
        report(2, number, 1, wanted.encode(), version=9)
    elif lie == "unended":
        report(2, number, 1, b"a" * 72)
    elif lie == "length":
        report(3, number, text=b"x", text_len=1 << 30)
    elif lie == "torn":
        report(2, number, cut=500)
        sys.exit(0)
    elif lie == "words":
        report(3, number, text=b"\x1b]0;owned\x07\nmoat: all is well")
    elif lie == "silent":
        sys.exit(3)
    elif lie == "half":  # of a report, and no more
        report(2, number, cut=500)
        time.sleep(1000)
    elif lie == "again":  # the same for ever: a manifest has no progress, a layer has
        blobs = image()
        wanted = reference[7:] if reference.startswith("sha256:") else next(iter(blobs))
        if number < 2:
            put(wanted, blobs[wanted])
            report(2, number, len(blobs[wanted]), wanted.encode(), MANIFEST_TYPE)
        else:
            while True:
                report(1, number, 1, times=1024)
    elif lie == "closed":  # no more reports, and no end
        os.close(REPORT)
        time.sleep(1000)
    elif lie in ("flood", "honest"):  # a good image; flood: it is told for ever that it comes
        blobs = image()
        wanted = reference[7:] if reference.startswith("sha256:") else next(iter(blobs))
        put(wanted, blobs[wanted])
        if lie == "flood" and number == 2 and (os.fork() == 0 or os.fork() == 0):  # faster than it can be read
            while True:
                report(1, number, 1, times=1024)
        report(2, number, len(blobs[wanted]), wanted.encode(), MANIFEST_TYPE)
    number += 1
