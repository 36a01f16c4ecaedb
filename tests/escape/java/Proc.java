// SPDX-License-Identifier: Apache-2.0
/*
 * What /proc, /sys and /dev show and open: its own process, the first one, the canaries' one, every other that is to be
 * seen; the descriptors that were left open; the environment. Opens for writing, and writes nothing.
 */
import java.io.File;
import java.io.FileInputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

final class Proc {
    private static final int PROCESSES = 64, DESCRIPTORS = 256;

    private static String pid() { return "/proc/" + Probes.fact("pid"); }

    private static byte[] bytes(String path) throws Exception {
        try (var in = new FileInputStream(path)) {
            return in.readNBytes(1 << 20);
        }
    }

    private static String word(String path) throws Exception { return new String(bytes(path)).strip(); }

    private static String secretIn(String path) throws Exception { return Probes.secret(bytes(path)); }

    private static List<String> names(String dir) throws Exception {
        String[] names = new File(dir).list();
        if (names == null)
            throw new Probes.Held("cannot list " + dir);
        return List.of(names);
    }

    /** Bytes of a process, at an address, by its mem file. */
    private static String memory(String mem) throws Exception {
        try (var f = new RandomAccessFile(mem, "r")) {
            byte[] b = new byte[32];
            f.seek(Long.decode(Probes.fact("secret")));
            f.readFully(b);
            return Probes.secret(b);
        }
    }

    /** The first of the paths that shows the secret. What is no file may keep its reader waiting. */
    private static String any(List<String> paths) throws Exception {
        String last = "nothing to open";
        for (String path : paths) {
            try {
                if (!Files.isRegularFile(Path.of(path)))
                    throw new Probes.Held("no file: " + path);
                return secretIn(path) + " by " + path;
            } catch (Exception e) {
                last = paths.size() + " paths, the last: " + e;
            }
        }
        throw new Probes.Held(last);
    }

    // ---- descriptors ------------------------------------------------------------------------------------------------

    private record Open(int fd, String target) {}

    private static List<Open> descriptors() throws Exception {
        List<Open> all = new ArrayList<>();
        for (String name : names("/proc/self/fd")) {
            int fd = Integer.parseInt(name);
            try {
                if (fd > 2 && all.size() < DESCRIPTORS)
                    all.add(new Open(fd, Files.readSymbolicLink(Path.of("/proc/self/fd", name)).toString()));
            } catch (java.nio.file.NoSuchFileException e) {
                // that was the listing's own
            }
        }
        return all;
    }

    private static String descriptorSecret() throws Exception {
        List<String> paths = new ArrayList<>();
        for (Open o : descriptors()) {
            paths.add("/proc/self/fd/" + o.fd);
            paths.add("/proc/self/fd/" + o.fd + "/.." + Probes.fact("file"));
            paths.add("/proc/self/fd/" + o.fd + Probes.fact("file"));
        }
        return any(paths);
    }

    /** What it opened itself, and what the JVM opens: classes, the JDK, libraries, pipes and events of its own. */
    private static String descriptorLeft() throws Exception {
        String home = System.getProperty("java.home"), path = System.getProperty("java.class.path");
        Pattern own = Pattern.compile("(" + Pattern.quote(home) + "|" + Pattern.quote(path.split(File.pathSeparator)[0])
            + "|/usr/lib|/lib|/dev/u?random|/dev/null|/proc/|/sys/fs/cgroup|pipe:|anon_inode:|socket:).*");
        List<String> left = new ArrayList<>();
        for (Open o : descriptors())
            if (!own.matcher(o.target).matches())
                left.add(o.fd + " " + o.target);
        if (left.isEmpty())
            throw new Probes.Held(descriptors().size() + " descriptors, all of the JVM itself");
        return left.toString();
    }

    private static String descriptorWrite() throws Exception {
        String last = "no file is open";
        for (Open o : descriptors()) {
            if (!Files.isRegularFile(Path.of("/proc/self/fd/" + o.fd)))
                continue;
            try (var f = new RandomAccessFile("/proc/self/fd/" + o.fd, "rw")) {
                return o.target + " is open for writing by descriptor " + o.fd;
            } catch (Exception e) {
                last = e.toString();
            }
        }
        throw new Probes.Held(last);
    }

    /** Files that are mapped, the meter's page among them, opened once more. */
    private static String mapFiles() throws Exception {
        String last = "nothing is mapped";
        for (String name : names("/proc/self/map_files")) {
            try (var f = new RandomAccessFile("/proc/self/map_files/" + name, "rw")) {
                return Files.readSymbolicLink(Path.of("/proc/self/map_files", name)) + " is open for writing";
            } catch (Exception e) {
                last = e.toString();
            }
        }
        throw new Probes.Held(last);
    }

    /** Standard error goes on where the caller's file ends, and no more of it was given. */
    private static String stream(int fd, String mode) throws Exception {
        String path = "/proc/self/fd/" + fd;
        if (!Files.isRegularFile(Path.of(path)))
            throw new Probes.Held("it is no file");
        try (var f = new RandomAccessFile(path, mode)) {
            return "descriptor " + fd + " was opened once more, for " + mode;
        }
    }

    /** Of each thread: one that is fenced off less would be the way for all. */
    private static String threads(String key, java.util.function.Predicate<String> isOpen) throws Exception {
        List<String> values = new ArrayList<>();
        for (String task : names("/proc/self/task")) {
            String status = "";
            try {
                status = word("/proc/self/task/" + task + "/status");
            } catch (java.io.IOException e) {
                // it has ended
            }
            for (String line : status.split("\n"))
                if (line.startsWith(key + ":"))
                    values.add(line.substring(key.length() + 1).strip());
        }
        if (values.isEmpty())
            throw Probes.absent("no " + key + " in /proc");
        for (String value : values)
            if (isOpen.test(value) || !value.equals(values.get(0)))
                return key + " of its threads: " + values;
        throw new Probes.Held(values.size() + " threads, " + key + " of each is " + values.get(0));
    }

    // ---- processes --------------------------------------------------------------------------------------------------

    private static List<String> others() throws Exception {
        String self = Long.toString(ProcessHandle.current().pid());
        List<String> pids = new ArrayList<>();
        for (String name : names("/proc"))
            if (name.matches("[0-9]+") && !name.equals(self) && pids.size() < PROCESSES)
                pids.add(name);
        pids.remove(Probes.fact("pid"));
        pids.add(Probes.fact("pid"));
        return pids;
    }

    private static String ofOthers(String below) throws Exception {
        List<String> paths = new ArrayList<>();
        for (String p : others())
            paths.add("/proc/" + p + "/" + below);
        return any(paths);
    }

    private static String first() throws Exception {
        String[] stat = word("/proc/1/stat").split(" ");
        String is = word("/proc/1/comm") + "/" + stat[21];
        if (!is.equals(Probes.fact("init")))
            throw new Probes.Held("process 1 is another: " + is);
        return "the host's process 1: " + is;
    }

    private static String seen() throws Exception {
        for (String p : names("/proc"))
            if (p.matches("[0-9]+"))
                try {
                    if (word("/proc/" + p + "/comm").equals("moat-canary"))
                        return "the canaries' process is " + p;
                } catch (java.io.IOException e) {
                    // it has ended
                }
        throw new Probes.Held("no such process is to be seen");
    }

    private static String has(String path, String text) throws Exception {
        if (!word(path).contains(text))
            throw new Probes.Held(text + " is not in " + path);
        return text + " is in " + path;
    }

    private static String cgroup() throws Exception {
        String last = "none was found";
        try (var paths = Files.find(Path.of("/sys/fs/cgroup"), 2, (p, a) -> p.endsWith("cgroup.procs"))) {
            for (Path p : (Iterable<Path>) paths::iterator)
                try {
                    return Probes.opened(p.toString(), "rw");
                } catch (Exception e) {
                    last = e.toString();
                }
        }
        throw new Probes.Held(last);
    }

    private static String hostName() throws Exception {
        String name = word("/proc/sys/kernel/hostname");
        if (!name.equals(Probes.fact("hostname")))
            throw new Probes.Held("it is " + name);
        return name;
    }

    /** The caller's, beside a secret of his: where his programs are. */
    private static String searchPath() throws Exception {
        if (!Probes.fact("path").equals(System.getenv("PATH")))
            throw new Probes.Held("it is " + System.getenv("PATH"));
        return System.getenv("PATH");
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "proc");
        t.row("proc-root", "token", "the secret's path in /proc/self/root", () -> secretIn("/proc/self/root" + Probes.fact("file")));
        t.row("proc-root-up", "token", "the same, with ..", () -> secretIn("/proc/self/root/../.." + Probes.fact("file")));
        t.row("proc-cwd-up", "token", "/proc/self/cwd, .. to the root", () -> secretIn("/proc/self/cwd/../../../../../../../.." + Probes.fact("file")));
        t.row("proc-thread-root", "token", "/proc/thread-self/root", () -> secretIn("/proc/thread-self/root" + Probes.fact("file")));
        t.row("proc-task-root", "token", "root of each of its threads", () -> {
            List<String> paths = new ArrayList<>();
            for (String task : names("/proc/self/task"))
                paths.add("/proc/self/task/" + task + "/root" + Probes.fact("file"));
            return any(paths);
        });
        t.row("environment", "token", "System.getenv: a variable of the caller's", () -> Probes.secret(System.getenv().toString()));
        t.row("environment-path", "-", "the caller's PATH", Proc::searchPath);
        t.row("environment-proc", "token", "/proc/self/environ", () -> secretIn("/proc/self/environ"));
        t.row("environment-first", "token", "/proc/1/environ, and all others'", () -> ofOthers("environ"));
        t.row("descriptor-secret", "token", "each open descriptor, and what lies below", Proc::descriptorSecret);
        t.row("descriptor-left", "-", "a descriptor that the JVM has not opened itself", Proc::descriptorLeft);
        t.row("descriptor-write", "-", "each file that is open, for writing", Proc::descriptorWrite);
        t.row("stream-input-write", "-", "standard input once more, for writing", () -> stream(0, "rw"));
        t.row("stream-error-read", "-", "standard error once more, for reading", () -> stream(2, "r"));
        t.row("thread-filters", "-", "a thread without system-call filters, or with fewer", () -> threads("Seccomp_filters", "0"::equals));
        t.row("thread-privileges", "-", "a thread that may gain privileges", () -> threads("NoNewPrivs", "0"::equals));
        t.row("thread-capabilities", "root", "a thread with a capability", () -> threads("CapEff", v -> !v.matches("0+")));
        t.row("thread-bounding", "root", "a thread that may get one", () -> threads("CapBnd", v -> !v.matches("0+")));
        t.row("map-files", "root", "each file that is mapped, for writing", Proc::mapFiles);
        t.row("proc-1", "-", "process 1 is the host's", Proc::first);
        t.row("proc-seen", "-", "the canaries' process in /proc", Proc::seen);
        t.row("proc-others-root", "token", "root of each other process", () -> ofOthers("root" + Probes.fact("file")));
        t.row("proc-others-cwd", "token", "working directory of each", () -> ofOthers("cwd/secret"));
        t.row("proc-others-fd", "token", "the canaries' descriptor of each", () -> ofOthers("fd/" + Probes.fact("fd")));
        t.row("proc-others-map", "root,token", "the canaries' mapping of each", () -> ofOthers("map_files/" + Probes.fact("map")));
        t.row("proc-pid-mem", "token", "the canaries' memory", () -> memory(pid() + "/mem"));
        t.row("proc-kcore", "root", "/proc/kcore", () -> Probes.opened("/proc/kcore", "r"));
        t.row("proc-kmsg", "root", "/dev/kmsg", () -> Probes.opened("/dev/kmsg", "r"));
        t.row("proc-sysrq", "root", "/proc/sysrq-trigger, for writing", () -> Probes.opened("/proc/sysrq-trigger", "rw"));
        t.row("proc-core-pattern", "root", "the kernel's core_pattern, for writing", () -> Probes.opened("/proc/sys/kernel/core_pattern", "rw"));
        t.row("proc-net-tcp", "-", "the host's sockets", () -> has("/proc/net/tcp", String.format(":%04X ", Probes.number("tcp"))));
        t.row("proc-net-unix", "-", "the host's local sockets", () -> has("/proc/net/unix", "@" + Probes.fact("abstract")));
        t.row("host-name", "-", "the host's name", Proc::hostName);
        t.row("sys-net", "-", "the host's interface in /sys", () -> word("/sys/class/net/" + Probes.fact("link") + "/address"));
        t.row("sys-block", "-", "disks in /sys", () -> Names.listed(Path.of("/sys/class/block")));
        t.row("sys-write", "root", "a switch of the kernel, for writing", () -> Probes.opened("/sys/kernel/mm/ksm/run", "rw"));
        t.row("cgroup-write", "root", "a group's list of processes, for writing", Proc::cgroup);
        t.row("dev-mem", "root", "/dev/mem", () -> Probes.opened("/dev/mem", "r"));
        t.row("dev-disk", "root", "a disk", () -> Probes.opened(Probes.fact("disk"), "r"));
        t.row("dev-terminal", "-", "somebody's terminal", () -> Probes.opened(Probes.fact("pts"), "rw"));
        t.row("dev-fuse", "root", "/dev/fuse", () -> Probes.opened("/dev/fuse", "rw"));
        t.row("dev-kvm", "root", "/dev/kvm", () -> Probes.opened("/dev/kvm", "rw"));
        t.row("dev-loop", "root", "/dev/loop-control", () -> Probes.opened("/dev/loop-control", "rw"));
    }
}
