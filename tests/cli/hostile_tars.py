#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes archives that try to get out of the directory they are unpacked in.

usage: hostile_tars.py OUT CANARY

CANARY is an absolute directory holding a file "secret"; nothing an archive does may change it. OUT gets NAME.tar files and
NAME.oci layouts under OUT/refused (the import must fail) and OUT/taken (it must succeed, harmlessly).
"""
import gzip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile

OUT, CANARY = sys.argv[1], sys.argv[2]
UP = "../" * 40
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def entry(name, type_=tarfile.REGTYPE, link="", data=b"", mode=0o644, pax=None, **more):
    e = tarfile.TarInfo(name)
    e.type, e.linkname, e.size, e.mode = type_, link, len(data), mode
    e.pax_headers = pax or {}
    for key, value in more.items():
        setattr(e, key, value)
    return e, data


def file(name, data=b"pwned\n", **more):
    return entry(name, data=data, **more)


def directory(name, **more):
    return entry(name, tarfile.DIRTYPE, mode=more.pop("mode", 0o755), **more)


def symlink(name, to):
    return entry(name, tarfile.SYMTYPE, to)


def hardlink(name, to):
    return entry(name, tarfile.LNKTYPE, to)


def pack(entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for e, data in entries:
            t.addfile(e, io.BytesIO(data))
    return out.getvalue()


def raw_header(name=b"f", size=b"00000000000\0", type_=b"0", magic=b"ustar\00000"):
    h = bytearray(512)
    h[0:len(name)] = name
    h[100:108], h[108:116], h[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    h[124:136], h[136:148], h[156:157], h[257:265] = size, b"00000000000\0", type_, magic
    h[148:156] = b"        "
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def pax_block(records):
    return raw_header(b"pax", b"%011o\0" % len(records), b"x") + records + b"\0" * (-len(records) % 512)


END = b"\0" * 1024

REFUSED = {
    "dotdot": pack([file(UP + CANARY[1:] + "/pwned")]),
    "dotdot-inside": pack([directory("a"), file("a/../../pwned")]),
    "dotdot-hardlink": pack([hardlink("h", UP + CANARY[1:] + "/secret")]),
    "symlink-absolute-then-write": pack([symlink("l", CANARY), file("l/pwned")]),
    "symlink-relative-then-write": pack([symlink("l", UP + CANARY[1:]), file("l/pwned")]),
    "symlink-chain-then-write": pack([symlink("a", "b"), symlink("b", CANARY), file("a/pwned")]),
    "symlink-inside-then-write": pack([directory("d"), symlink("l", "d"), file("l/f")]),
    "symlink-then-directory-below": pack([symlink("l", CANARY), directory("l/pwned")]),
    "symlink-then-hardlink-below": pack([symlink("l", CANARY), hardlink("h", "l/secret"), file("h")]),
    "directory-becomes-symlink": pack([directory("d"), file("d/f"), symlink("d", CANARY), file("d/pwned")]),
    "hardlink-absolute": pack([hardlink("h", CANARY + "/secret"), file("h")]),
    "hardlink-to-nothing": pack([hardlink("h", "missing")]),
    "hardlink-to-itself": pack([file("h"), hardlink("h", "./h")]),
    "file-as-directory": pack([file("f"), file("f/pwned")]),
    "root-is-a-file": pack([file(".")]),
    "root-is-a-symlink": pack([symlink("./", CANARY), file("pwned")]),
    "name-of-5000-bytes": pack([file("n/" * 2500 + "f")]),
    "component-of-300-bytes": pack([file("n" * 300)]),
    "600-directories-deep": pack([file("d/" * 600 + "f")]),
    "link-name-of-5000-bytes": pack([symlink("l", "n" * 5000)]),
    "empty": b"",
    "no-tar": b"this is no archive\n" * 1000,
    "gzip-of-no-tar": gzip.compress(b"this is no archive\n" * 1000),
    "cut-off-data": pack([file("f", b"x" * 5000)])[:2048],
    "cut-off-header": pack([file("f")])[:300],
    "cut-off-gzip": gzip.compress(pack([file("f", os.urandom(20000))]))[:9000],
    "size-beyond-the-end": raw_header(size=b"77777777777\0") + END,
    "size-negative": raw_header(size=b"\xff" * 12) + END,
    "size-too-large": raw_header(size=b"\x80" + b"\x7f" * 11) + END,
    "pax-length-wrong": pax_block(b"99 path=x\n") + raw_header() + END,
    "pax-length-overflow": pax_block(b"99999999999999999999999 path=x\n") + raw_header() + END,
    "pax-path-with-nul": pax_block(b"14 path=a\0/b\n\n"[:13] + b"\n") + raw_header() + END,
    "pax-record-huge": raw_header(b"pax", b"77777777777\0", b"x") + END,
    "long-name-huge": raw_header(b"long", b"77777777777\0", b"L") + END,
    "uid-out-of-range": pack([file("f", pax={"uid": "4294967295"})]),
    "sparse-bomb": pax_block(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n44 GNU.sparse.realsize=4611686018427387904\n"
                             [:0] + b"22 GNU.sparse.major=1\n" + b"43 GNU.sparse.realsize=4611686018427387904\n")
                   + raw_header(size=b"00000001000\0") + b"1\n4611686018427387904\n0\n".ljust(512, b"\0") + END,
    "sparse-map-backwards": pax_block(b"29 GNU.sparse.map=100,5,0,5\n"
                                      .replace(b"29", b"28") + b"23 GNU.sparse.size=200\n")
                            + raw_header(size=b"00000000012\0") + b"x" * 10 + b"\0" * 502 + END,
    "unknown-type": raw_header(type_=b"Q") + END,
}

TAKEN = {
    "absolute": pack([file(CANARY + "/pwned")]),
    "absolute-many-slashes": pack([file("//" + CANARY + "//pwned")]),
    "symlink-then-file-of-that-name": pack([symlink("f", CANARY + "/secret"), file("f")]),
    "symlink-then-directory-of-that-name": pack([symlink("d", CANARY), directory("d", mode=0o777, uid=1, gid=1)]),
    "hardlink-to-symlink-then-write": pack([symlink("l", CANARY + "/secret"), hardlink("h", "l"), file("h", mode=0o777)]),
    "devices": pack([entry("c", tarfile.CHRTYPE, devmajor=1, devminor=5), entry("b", tarfile.BLKTYPE, devmajor=8)]),
    "fifo": pack([entry("p", tarfile.FIFOTYPE, mode=0o622), file("after")]),
    "setuid": pack([file("s", b"x", mode=0o6755, uid=12, gid=34)]),
    "types-change": pack([file("x"), directory("x"), file("x/y"), symlink("x", "y"), entry("x", tarfile.FIFOTYPE),
                          file("x", b"last\n")]),
    "xattrs": pack([file("f", pax={"SCHILY.xattr.trusted.overlay.redirect": CANARY, "SCHILY.xattr.user.overlay.opaque": "y",
                                   "SCHILY.xattr.system.posix_acl_access": "x", "SCHILY.xattr.user.kept": "yes"})]),
    "whiteouts-mean-nothing-here": pack([file("a"), file(".wh.a", b""), file(".wh..wh..opq", b"")]),
    "names-of-any-byte": pack([file(b"e\xcc\x81".decode()), file(b"\xc3\xa9".decode()), file("\x1b[31mred\x07\n")]),
    "names-of-any-byte-gnu": pack([file("\udce9latin" + "n" * 120)], tarfile.GNU_FORMAT),
    "planted-libraries": pack([file("usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache"), file("etc/nsswitch.conf"),
                               file("etc/ld.so.preload", CANARY.encode() + b"/evil.so\n")]),
    "directory-without-permission": pack([directory("d", mode=0), file("d/f")]),
    "sparse-old-gnu-name": pack([file("f", b"data")], tarfile.GNU_FORMAT),
    "global-header": raw_header(b"g", b"00000000024\0", b"g") + b"20 path=../../pwned\n".ljust(512, b"\0")
                     + raw_header(b"f") + END,
}


def blob(root, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{root}/blobs/sha256/{digest}", "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def layout(root, layers, config=None, spoil=None, platform_=None, nest=False):
    os.makedirs(root + "/blobs/sha256")
    kind = "application/vnd.oci.image."
    descriptors = [dict(blob(root, gzip.compress(pack(l), mtime=0)), mediaType=kind + "layer.v1.tar+gzip") for l in layers]
    document = {"architecture": ARCH, "os": "linux", "created": "2024-02-03T04:05:06Z", "config": config or {},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64] * len(layers)}}
    manifest = {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "layers": descriptors,
                "config": dict(blob(root, json.dumps(document).encode()), mediaType=kind + "config.v1+json")}
    top = dict(blob(root, json.dumps(manifest).encode()), mediaType=kind + "manifest.v1+json",
               platform=platform_ or {"os": "linux", "architecture": ARCH})
    if nest:
        other = dict(top, platform={"os": "linux", "architecture": "s390x"}, digest="sha256:" + "1" * 64)
        index = json.dumps({"schemaVersion": 2, "manifests": [other, top]}).encode()
        top = dict(blob(root, index), mediaType=kind + "index.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    with open(root + "/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [top]}, f)
    with open(root + "/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')
    if spoil:
        path = root + "/blobs/" + descriptors[0]["digest"].replace(":", "/") if spoil == "layer" else \
            root + "/blobs/" + manifest["config"]["digest"].replace(":", "/")
        with open(path, "r+b") as f:
            f.seek(20)
            byte = f.read(1)
            f.seek(20)
            f.write(bytes([byte[0] ^ 1]))


def opaque(name):
    return file(name + "/.wh..wh..opq" if name else ".wh..wh..opq", b"")


LAYOUTS_REFUSED = {
    "whiteout-of-dotdot": dict(layers=[[file("a")], [file(".wh...", b"")]]),
    "whiteout-of-dot": dict(layers=[[file("a")], [file("d/.wh..", b"")]]),
    "layer-dotdot": dict(layers=[[file("a")], [file("../pwned")]]),
    "layer-spoilt": dict(layers=[[file("a", os.urandom(4000))]], spoil="layer"),
    "config-spoilt": dict(layers=[[file("a")]], spoil="config"),
    "other-machine": dict(layers=[[file("a")]], platform_={"os": "linux", "architecture": "s390x"}),
    "env-without-equals": dict(layers=[[file("a")]], config={"Env": ["NOVALUE"]}),
}
LAYOUTS_TAKEN = {
    "whiteout-through-symlink": dict(layers=[[symlink("l", CANARY), symlink("m", UP + CANARY[1:])],
                                             [file("l/.wh.secret", b""), file("m/.wh.secret", b"")]]),
    "opaque-through-symlink": dict(layers=[[symlink("l", CANARY)], [opaque("l")]]),
    "write-through-symlink": dict(layers=[[symlink("l", CANARY), directory(CANARY)], [file("l/pwned")]]),
    "layers": dict(
        nest=True,
        config={"Env": ["A=b"], "Cmd": ["sh"], "Entrypoint": ["/init"], "WorkingDir": "/work", "User": "7:8",
                "StopSignal": "SIGINT"},
        layers=[[directory("keep"), file("keep/a", b"1"), file("keep/b", b"1"), directory("gone"), file("gone/x", b"1"),
                 directory("opaque"), file("opaque/old", b"1"), directory("opaque/both"), file("opaque/both/old", b"1"),
                 symlink("usr", "keep")],
                [file("keep/.wh.a", b""), file(".wh.gone", b""), file("opaque/new", b"2"), directory("opaque/both"),
                 file("opaque/both/new", b"2"), opaque("opaque"), file("usr/c", b"2"), file("keep/b", b"2")]]),
}


def main():
    for kind, archives, layouts in (("refused", REFUSED, LAYOUTS_REFUSED), ("taken", TAKEN, LAYOUTS_TAKEN)):
        os.makedirs(f"{OUT}/{kind}")
        for name, data in archives.items():
            with open(f"{OUT}/{kind}/{name}.tar", "wb") as f:
                f.write(data)
        for name, how in layouts.items():
            layout(f"{OUT}/{kind}/{name}.oci", **how)


main()
