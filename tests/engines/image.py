#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a small image in the form of `docker save`, which every engine here reads, without any network.

    image.py ROOTFS NAME:TAG OUT.tar

ROOTFS is a busybox tree. Two files are added: /etc/passwd with root and a user, and /plain, which may not be executed.
"""
import hashlib
import io
import json
import sys
import tarfile


def add(tar, name, data, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


ADDED = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/tmp:/bin/sh\n",
    "etc/group": b"root:x:0:\nguest:x:1000:\n",
    "plain": b"not a program\n",
}


def layer(rootfs):
    def owned_by_root(info):
        if info.name.removeprefix("./") in ADDED:
            return None
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(rootfs, arcname=".", filter=owned_by_root)
        for name, text in ADDED.items():
            add(tar, name, text)
    return out.getvalue()


def main():
    rootfs, name, path = sys.argv[1:]
    data = layer(rootfs)
    digest = hashlib.sha256(data).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
        "history": [{"created": "2024-01-01T00:00:00Z"}],
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    with tarfile.open(path, "w") as tar:
        add(tar, config_name, config)
        add(tar, digest + "/layer.tar", data)
        add(tar, "manifest.json", json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"]}]).encode())


if __name__ == "__main__":
    main()
