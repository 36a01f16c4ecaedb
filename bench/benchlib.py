# SPDX-License-Identifier: Apache-2.0
"""What start, memory and check share: the bundle, the rows, the runner, the machine's facts.

Everything is made in one temporary directory and removed at the end. Needs root, crun, runc and bwrap for their rows;
a row whose program is not there is left out and said so.
"""
import atexit
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROFILE = "/usr/share/containers/seccomp.json"  # Debian: golang-github-containers-common


def note(text):
    print(text, file=sys.stderr)


class Row:
    """One command that is timed. view: the mount namespace it runs in (see runner.c)."""

    def __init__(self, name, argv, view="plain"):
        self.name, self.argv, self.view = name, argv, view


class Workshop:
    """The temporary directory with the root file system and the bundles, and the rows made from them."""

    def __init__(self, build, profile=PROFILE):
        self.build = os.path.abspath(build)
        self.missing = []
        self.tool = {n: self._find(n) for n in ("floor", "noop", "runner", "moat", "moat-oci", "crun", "runc", "bwrap")}
        for need in ("floor", "noop", "runner"):
            if not self.tool[need]:
                raise SystemExit(f"bench: {need} is not in {self.build}/bench: run `ninja -C {self.build}`")
        self.dir = tempfile.mkdtemp(prefix="moat-bench-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.rootfs = self.path("rootfs")
        for d in ("proc", "dev", "sys", "etc", "tmp", "root"):
            os.makedirs(os.path.join(self.rootfs, d))
        shutil.copy(self.tool["noop"], os.path.join(self.rootfs, "noop"))
        for d in ("scratch", "merged"):
            os.mkdir(self.path(d))
        self._make_bundles(profile)

    def path(self, name):
        return os.path.join(self.dir, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)  # atexit: for what fails before `with` is entered

    def _find(self, name):
        for p in (os.path.join(self.build, "bench", name), os.path.join(self.build, name)):
            if os.path.isfile(p) and os.access(p, os.X_OK):
                return p
        return None if name.startswith("moat") else shutil.which(name)

    # ---- bundles ----

    def _spec(self):
        """The specification everybody runs: our own default one, or runc's when moat-oci is not built yet."""
        d = self.path("spec")
        os.mkdir(d)
        for tool in ("moat-oci", "runc"):
            if not self.tool[tool]:
                continue
            r = subprocess.run([self.tool[tool], "spec", "--bundle", d], capture_output=True, text=True)
            if r.returncode == 0:
                self.spec_by = tool
                with open(os.path.join(d, "config.json")) as f:
                    return json.load(f)
            note(f"bench: {tool} spec: {r.stderr.strip()}")
        raise SystemExit("bench: neither moat-oci nor runc could write a config.json")

    def _make_bundles(self, profile):
        spec = self._spec()
        spec["ociVersion"] = "1.0.2"  # crun 1.8 knows nothing newer
        spec["process"]["terminal"] = False
        spec["process"].pop("consoleSize", None)
        spec["process"]["args"] = ["/noop"]
        spec["process"]["cwd"] = "/"
        spec["root"] = {"path": self.rootfs, "readonly": True}
        if not any(n["type"] == "cgroup" for n in spec["linux"]["namespaces"]):
            spec["linux"]["namespaces"].append({"type": "cgroup"})
        own = spec["linux"].pop("seccomp", None)
        self.seccomp = own
        if not own and os.path.exists(profile):
            caps = spec["process"].get("capabilities", {}).get("bounding", [])
            with open(profile) as f:
                self.seccomp = flatten_profile(json.load(f), caps)
        self.spec = spec
        self.write_bundle("bundle", spec)
        if self.seccomp:
            with_filter = json.loads(json.dumps(spec))
            with_filter["linux"]["seccomp"] = self.seccomp
            self.write_bundle("bundle-seccomp", with_filter)

    def write_bundle(self, name, spec):
        os.makedirs(self.path(name), exist_ok=True)
        with open(os.path.join(self.path(name), "config.json"), "w") as f:
            json.dump(spec, f, indent=1)

    def filter_file(self):
        """The profile as BPF, for the floor: as crun compiled it, which leaves it beside a created container's state."""
        if not self.seccomp or not self.tool["crun"]:
            return None
        out, root = self.path("filter.bpf"), self.path("crun-filter")
        script = (f"umount /sys/fs/cgroup/unified 2>/dev/null; exec 3>&1; "
                  f"'{self.tool['crun']}' --root '{root}' create --bundle '{self.path('bundle-seccomp')}' filter >/dev/null && "
                  f"cp '{root}/filter/seccomp.bpf' '{out}'; '{self.tool['crun']}' --root '{root}' delete -f filter")
        subprocess.run(["unshare", "-m", "sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return out if os.path.exists(out) else None

    # ---- rows ----

    def rows(self):
        """All rows by name, in the order in which they are shown."""
        t, made = self.tool, []
        floor = [t["floor"]]
        made.append(Row("floor", floor + [self.rootfs, "/noop"]))
        made.append(Row("floor-overlay", floor + ["--overlay", self.rootfs, self.path("scratch"), self.path("merged"), "/noop"]))
        bpf = self.filter_file()
        if bpf:
            made.append(Row("floor-seccomp", floor + ["--seccomp", bpf, self.rootfs, "/noop"]))
        for name, view in (("moat-oci", "plain"), ("crun", "no-unified"), ("runc", "plain")):
            if not t[name]:
                self.missing.append(name)
                continue
            argv = [t[name], "--root", self.path("state-" + name), "run", "--bundle"]
            made.append(Row(name, argv + [self.path("bundle"), "{id}"], view))
            if self.seccomp:
                made.append(Row(name + "-seccomp", argv + [self.path("bundle-seccomp"), "{id}"], view))
        if t["moat"]:
            made += self._moat_rows()
        else:
            self.missing.append("moat")
        if t["bwrap"]:
            made.append(Row("bwrap", [t["bwrap"], "--unshare-all", "--ro-bind", self.rootfs, "/", "--proc", "/proc", "--dev", "/dev",
                                      "--tmpfs", "/dev/shm", "--mqueue", "/dev/mqueue", "--hostname", "moat", "/noop"]))
        else:
            self.missing.append("bwrap")
        return {r.name: r for r in made}

    def _moat_rows(self):
        """moat run of a directory as it is, and of an image, whose container writes to an overlay."""
        moat = self.tool["moat"]
        made = [Row("moat-run", [moat, "run", "--rm", "--network", "none", "--rootfs", self.rootfs, "/noop"])]
        os.environ["MOAT_DATA_DIR"] = self.path("moat-data")
        tar = self.path("image.tar")
        subprocess.run(["tar", "-C", self.rootfs, "-cf", tar, "."], check=True)
        r = subprocess.run([moat, "import", tar, "bench:noop"], capture_output=True, text=True)
        if r.returncode == 0:
            made.append(Row("moat-run-overlay", [moat, "run", "--rm", "--network", "none", "bench:noop", "/noop"]))
        else:
            note(f"bench: moat import: {r.stderr.strip()}")
            self.missing.append("moat-run-overlay")
        return made


def flatten_profile(profile, caps):
    """A containers-common profile (conditions on capabilities, architecture, kernel) as OCI linux.seccomp for x86-64."""
    def holds(rule):
        inc, exc = rule.get("includes") or {}, rule.get("excludes") or {}
        if inc.get("caps") and not set(inc["caps"]) & set(caps):
            return False
        if inc.get("arches") and not {"amd64", "x86_64"} & set(inc["arches"]):
            return False
        return not (set(exc.get("caps") or []) & set(caps) or {"amd64", "x86_64"} & set(exc.get("arches") or []))

    out = {"defaultAction": profile["defaultAction"], "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
           "syscalls": []}
    if "defaultErrnoRet" in profile:
        out["defaultErrnoRet"] = profile["defaultErrnoRet"]
    for rule in profile["syscalls"]:
        if not holds(rule):
            continue
        one = {"names": rule["names"], "action": rule["action"]}
        if rule.get("errnoRet") is not None:
            one["errnoRet"] = rule["errnoRet"]
        if rule.get("args"):
            one["args"] = [{k: v for k, v in a.items() if k in ("index", "value", "valueTwo", "op")} for a in rule["args"]]
        out["syscalls"].append(one)
    return out


class Runner:
    """The C program that starts and times the rows."""

    def __init__(self, workshop, rows, pin=None):
        argv = [workshop.tool["runner"]]
        if pin is not None:
            argv = ["taskset", "-c", str(pin)] + argv
        self.rows = list(rows)
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for r in self.rows:
            self.process.stdin.write("\t".join(["row", r.view] + r.argv) + "\n")
        self.order("go")

    def order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.strip() == "done":
                return lines
            lines.append(line.split())
        raise SystemExit("bench: the runner gave up, see above")

    def times(self, runs, warmup):
        """{row name: [(microseconds, peak KiB)]}"""
        found = {r.name: [] for r in self.rows}
        for row, ns, rss in self.order(f"run {runs} {warmup}"):
            found[self.rows[int(row)].name].append((int(ns) / 1000, int(rss)))
        return found

    def flood(self, name, count, at_once):
        """Starts per second."""
        index = [r.name for r in self.rows].index(name)
        ((_, _, _, ns),) = self.order(f"flood {index} {count} {at_once}")
        return count / (int(ns) / 1e9)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine_facts(runner):
    with open("/proc/cpuinfo") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), "unknown")
    ((_, cpuid),) = runner.order("facts")
    return {"kernel": platform.release(), "cpu": model, "cpus": os.cpu_count(), "load": os.getloadavg()[0], "cpuid_ns": int(cpuid)}


def median(values):
    return statistics.median(values)


# Each name against its peers; a pair is shown when both rows were run.
PEERS = {
    "moat-oci": ("floor", "crun", "runc"),
    "moat-oci-seccomp": ("floor-seccomp", "crun-seccomp", "runc-seccomp"),
    "moat-run": ("floor", "crun", "bwrap"),
    "moat-run-overlay": ("floor-overlay", "crun"),
    "crun": ("floor", "runc"),
    "crun-seccomp": ("floor-seccomp",),
    "runc": ("floor",),
    "bwrap": ("floor",),
    "floor-overlay": ("floor",),
    "floor-seccomp": ("floor",),
}


def ratios(times, pinning):
    out = []
    for name, peers in PEERS.items():
        for peer in peers:
            if name not in times or peer not in times:
                continue
            ours, theirs = [t for t, _ in times[name]], [t for t, _ in times[peer]]
            out.append({"name": name, "peer": peer, "n": len(ours), "ratio_min": round(min(ours) / min(theirs), 3),
                        "ratio_median": round(median(ours) / median(theirs), 3), "cpu_pinning": pinning})
    return out


def pick(rows, only):
    if not only:
        return rows
    wanted = only.split(",")
    for w in wanted:
        if w not in rows:
            raise SystemExit(f"bench: no row {w}: there are {', '.join(rows)}")
    return {n: r for n, r in rows.items() if n in wanted}
