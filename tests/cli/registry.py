#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves on purpose. The repository's name says how.

    registry.py STATE-DIR IMAGE-LAYOUT [--ping basic|bearer] [--other HOST:PORT] [--tls CERT KEY] [--scheme S]

Serves the image that the layout's index.json names first, on a port of 127.0.0.1 that it writes to STATE-DIR/port. Each
request becomes a line of STATE-DIR/log: method, path, Authorization header (decoded when it is Basic). user:pass is right.
"""
import argparse
import base64
import hashlib
import http.server
import json
import os
import re
import ssl
import sys
import threading
import time

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
TOKEN = "a-token.that/is+fine="
PASSWORD = "Basic " + base64.b64encode(b"user:pass").decode()

parser = argparse.ArgumentParser()
parser.add_argument("state")
parser.add_argument("layout")
parser.add_argument("--ping")
parser.add_argument("--other")
parser.add_argument("--tls", nargs=2)
parser.add_argument("--realm", help="whole address of the login service")
options = parser.parse_args()


def blob(digest):
    with open(os.path.join(options.layout, "blobs", *digest.split(":")), "rb") as f:
        return f.read()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


top = json.load(open(os.path.join(options.layout, "index.json")))["manifests"][0]
manifest_bytes = blob(top["digest"])
manifest = json.loads(manifest_bytes)
layers = [l["digest"] for l in manifest["layers"]]
big = layers[0]
lock = threading.Lock()
seen = {}  # (repository, what) -> how often
extra = {}  # digest -> document made here


def count(*key):
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key]


def dump(document):
    data = json.dumps(document).encode()
    extra[sha(data)] = data
    return data


def descriptor(data, kind, **more):
    return dict({"mediaType": kind, "digest": sha(data), "size": len(data)}, **more)


def index_of(*entries, **more):
    return dump(dict({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}, **more))


def own():
    return {"platform": {"os": "linux", "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")}}


def changed(**more):
    return json.dumps(dict(manifest, **more)).encode()


def deep(levels):
    inner = descriptor(manifest_bytes, MANIFEST, **own())
    for _ in range(levels):
        data = index_of(inner)
        inner = descriptor(data, INDEX, **own())
    return data


# repository -> (Content-Type, bytes) of its manifest
documents = {
    "schema1": (SCHEMA1, json.dumps({"schemaVersion": 1, "name": "x", "tag": "1", "fsLayers": []}).encode()),
    "schema1-typed": (MANIFEST, json.dumps({"schemaVersion": 1, "fsLayers": []}).encode()),
    "no-json": (MANIFEST, b"<html>welcome</html>"),
    "empty": (MANIFEST, b""),
    "cut": (MANIFEST, manifest_bytes[: len(manifest_bytes) // 2]),
    "array": (MANIFEST, b"[]"),
    "both": (MANIFEST, changed(manifests=[])),
    "confused": (INDEX, manifest_bytes if "mediaType" in manifest else changed(mediaType=MANIFEST)),
    "no-layers": (MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": manifest["config"]}).encode()),
    "strange-type": ("application/vnd.example.thing", json.dumps({"schemaVersion": 2}).encode()),
    "artifact": (MANIFEST, changed(config=dict(manifest["config"], mediaType="application/vnd.example.config"))),
    "strange-layer": (MANIFEST, changed(layers=[dict(manifest["layers"][0], mediaType="application/vnd.example.layer")])),
    "bad-digest": (MANIFEST, changed(layers=[dict(manifest["layers"][0], digest="sha256:../../../../etc/passwd")])),
    "negative": (MANIFEST, changed(layers=[dict(manifest["layers"][0], size=-1)])),
    "too-large": (MANIFEST, changed(layers=[dict(manifest["layers"][0], size=1 << 50)])),
    "too-many": (MANIFEST, changed(layers=manifest["layers"][:1] * 513)),
    "larger": (MANIFEST, changed(layers=[dict(l, size=l["size"] - (l["digest"] == big)) for l in manifest["layers"]])),
    "shorter": (MANIFEST, changed(layers=[dict(l, size=l["size"] + (l["digest"] == big)) for l in manifest["layers"]])),
    "huge": (MANIFEST, b'{"a":"' + b"x" * (5 << 20) + b'"}'),
    "huge-config": (MANIFEST, changed(config=dict(manifest["config"], size=5 << 20))),
    "no-platform": (INDEX, index_of(descriptor(manifest_bytes, MANIFEST, platform={"os": "linux", "architecture": "s390x"}))),
    "deep": (INDEX, deep(3)),
    "too-deep": (INDEX, deep(6)),
    "docker-list": (LIST, json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": [descriptor(manifest_bytes, MANIFEST, **own())]}).encode()),
    "swapped": (INDEX, index_of(descriptor(manifest_bytes, MANIFEST, **own()))),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, data=b"", kind="application/octet-stream", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def cut(self, status, data, length, **headers):
        self.answer(status, data, length=length, **headers)
        self.wfile.flush()
        self.close_connection = True

    def challenge(self, kind, status=401):
        realm = options.realm or "http://%s/token" % self.headers["Host"]
        value = 'Basic realm="here"' if kind == "basic" else 'Bearer realm="%s",service="the service",scope="registry:catalog:*"' % realm
        body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "who\x1b[31m are you"}]}).encode()
        self.answer(status, body, "application/json", WWW_Authenticate=value)

    def do_GET(self):
        shown = self.headers.get("Authorization", "-")
        if shown.startswith("Basic "):
            shown = "Basic:" + base64.b64decode(shown[6:]).decode()
        with lock, open(os.path.join(options.state, "log"), "a") as log:
            log.write("%s %s %s\n" % (self.command, self.path, shown.replace(" ", ":")))
        self.path, _, self.query = self.path.partition("?")
        if self.path == "/v2/":
            return self.ping()
        if self.path == "/token":
            return self.token()
        m = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", self.path)
        if not m:
            return self.answer(404, b"nothing here")
        name, what, reference = m.groups()
        return (self.manifest if what == "manifests" else self.blob)(name.split("/")[-1], reference)

    def allowed(self, name):
        """Whether this repository may be read with what was shown; answers when not."""
        shown = self.headers.get("Authorization", "")
        if name in ("bearer", "private") or options.ping == "bearer":
            good = shown == "Bearer " + TOKEN
        elif name == "basic" or options.ping == "basic":
            good = shown == PASSWORD
        elif name == "expires":  # a token is good for one request
            good = shown == "Bearer " + TOKEN and count(name, "use") % 2 == 1
        else:
            good = name not in ("denied", "odd-login")
        if not good:
            if name == "odd-login":
                self.answer(401, WWW_Authenticate='Negotiate abc=, Digest realm="x')
            else:
                self.challenge("basic" if name == "basic" or options.ping == "basic" else "bearer")
        return good

    def ping(self):
        if options.ping and self.headers.get("Authorization") is None:
            return self.challenge(options.ping)
        return self.answer(200, b"{}", "application/json")

    def token(self):
        if "private" in self.query and self.headers.get("Authorization") != PASSWORD:
            return self.answer(401, b"{}")
        if "odd-token" in self.query:
            return self.answer(200, json.dumps({"token": "a\r\nX-Evil: 1"}).encode(), "application/json")
        return self.answer(200, json.dumps({"token": TOKEN}).encode(), "application/json")

    def manifest(self, name, reference):
        if not self.allowed(name):
            return
        kind, data = documents.get(name, (MANIFEST, manifest_bytes))
        if name == "swapped" and reference.startswith("sha256:"):
            kind, data = MANIFEST, changed(annotations={"swapped": "yes"})
        elif reference == sha(manifest_bytes):
            kind, data = MANIFEST, manifest_bytes
        elif reference in extra:
            kind, data = INDEX, extra[reference]
        elif name == "absent":
            return self.answer(404, json.dumps({"errors": [{"message": "manifest unknown"}]}).encode(), "application/json")
        if name == "unavailable" or (name == "hiccup" and count(name) < 3):
            return self.answer(503, b"later")
        if name == "manifest-elsewhere":
            return self.answer(302, Location="http://%s/v2/plain/manifests/1" % options.other)
        digest = "sha256:" + "0" * 64 if name == "header-lies" else sha(data)
        return self.answer(200, data, kind, Docker_Content_Digest=digest)

    def blob(self, name, digest):
        if not self.allowed(name):
            return
        try:
            data = blob(digest)
        except OSError:
            return self.answer(404, b"no such blob")
        half = len(data) // 2
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(begin.group(1)) if begin else 0
        rest = {"Content_Range": "bytes %d-%d/%d" % (begin, len(data) - 1, len(data))}
        if digest != big:
            return self.answer(200, data)
        if name == "altered":
            return self.answer(200, data[:-1] + bytes([data[-1] ^ 1]))
        if name == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(data)
            except OSError:
                return
        if name == "ends-early":
            return self.answer(200, data[:half])
        if name == "breaks":
            return self.cut(206 if begin else 200, data[begin : begin + 10], len(data) - begin, **(rest if begin else {}))
        if name in ("resumes", "resumes-whole", "resumes-wrong"):
            if count(name) == 1:
                return self.cut(200, data[:half], len(data))
            if name == "resumes":
                return self.answer(206, data[begin:], **rest) if begin else self.answer(400)
            if name == "resumes-whole":
                return self.answer(200, data)
            return self.answer(206, data[begin - 1 :], Content_Range="bytes %d-%d/%d" % (begin - 1, len(data) - 1, len(data)))
        if name == "stalls":
            self.answer(200, data[:half], length=len(data))
            self.wfile.flush()
            time.sleep(600)
            return
        if name == "mute":
            time.sleep(600)
            return
        if name in ("elsewhere", "bearer-elsewhere", "private", "basic-elsewhere") and options.other:
            return self.answer(307, Location="%s/v2/plain/blobs/%s" % (options.other if "://" in options.other else "http://" + options.other, digest))
        if name == "circle":
            return self.answer(302, Location="/v2/circle/blobs/" + digest)
        if name == "to-file":
            return self.answer(302, Location="file:///etc/passwd")
        if name == "to-password":
            return self.answer(302, Location="http://user:pass@%s/v2/plain/blobs/%s" % (self.headers["Host"], digest))
        if name == "long-header":
            return self.answer(200, data, **{"X_%d" % i: "y" * 1000 for i in range(90)})
        return self.answer(200, data)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(os.path.join(options.state, "port.new"), "w") as f:
    print(server.server_address[1], file=f)
os.rename(os.path.join(options.state, "port.new"), os.path.join(options.state, "port"))
sys.stdout.flush()
server.serve_forever()
