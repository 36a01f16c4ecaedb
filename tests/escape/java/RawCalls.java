// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that nothing in Java stands before (Raw.java): what is left are the kernel's walls. What moat-probe tries
 * in its hundred rows is tried here in short, for the filter has to hold in a JVM's threads too.
 */
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

final class RawCalls {
    /* Numbers of x86-64. */
    private static final long READ = 0, OPEN = 2, CLOSE = 3, MMAP = 9, MPROTECT = 10, MUNMAP = 11, SHMGET = 29, SHMAT = 30, SHMDT = 67, SOCKET = 41, CONNECT = 42,
        CLONE = 56, FORK = 57, VFORK = 58, EXECVE = 59, WAIT4 = 61, KILL = 62, MSGGET = 68, PTRACE = 101, SYSLOG = 103, PERSONALITY = 135,
        MOUNT = 165, ADD_KEY = 248, KEYCTL = 250, OPENAT = 257, UNSHARE = 272, PERF_EVENT_OPEN = 298, OPEN_BY_HANDLE_AT = 304,
        PROCESS_VM_READV = 310, MEMFD_CREATE = 319, BPF = 321, EXECVEAT = 322, USERFAULTFD = 323, IO_URING_SETUP = 425, FSOPEN = 430,
        CLONE3 = 435, PIDFD_OPEN = 434, OPENAT2 = 437, PIDFD_GETFD = 438, MQ_OPEN = 240, GETPID = 39, WRITE = 1, EXIT_GROUP = 231;
    private static final long AT_FDCWD = -100, SIGCHLD = 17, SHARED = 0x4100 /* CLONE_VM, CLONE_VFORK */, ENOMEM = 12, ENOSYS = 38, EAFNOSUPPORT = 97;

    private static long need(String what, long result) throws Probes.Held {
        if (result == -ENOSYS || result == -EAFNOSUPPORT)
            throw Probes.absent(what + ": errno " + -result);
        if (result < 0)
            throw new Probes.Held(what + ": errno " + -result);
        return result;
    }

    private static String done(String what, long result) throws Probes.Held { return what + " gave " + need(what, result); }

    /** By an error that comes only from behind the check of rights. */
    private static String behind(String what, long result, int... errors) throws Probes.Held {
        for (int e : errors)
            if (result == -e)
                return what + " was answered with errno " + e;
        return done(what, result);
    }

    private static long path(String fact) { return Raw.text(Probes.fact(fact)); }

    private static String secretOf(long fd) throws Exception {
        long room = Raw.room(64);
        Raw.call(READ, fd, room, 64);
        Raw.call(CLOSE, fd);
        return Probes.secret(Raw.read(room, 64));
    }

    // ---- programs ---------------------------------------------------------------------------------------------------

    private static String ended(String what, long pid) throws Exception {
        if (pid == -ENOMEM) // a heap that is too large to be copied
            throw Probes.absent(what + ": errno " + -pid);
        need(what, pid);
        long status = Raw.room(8);
        need("wait4", Raw.call(WAIT4, pid, status, 0, 0));
        int code = Raw.read(status, 2)[1] & 0xff;
        return what + " made process " + pid + ", which ended with " + code;
    }

    /** A child that ends at once: processes can be made. */
    private static String childOf(String what, long... call) throws Exception { return ended(what, Raw.child(call, EXIT_GROUP, 42)); }

    private static long argv(String... words) {
        long[] at = new long[words.length + 1];
        for (int i = 0; i < words.length; i++)
            at[i] = Raw.text(words[i]);
        return Raw.longs(at);
    }

    private static String executed(String what, long... exec) throws Exception {
        String said = ended(what, Raw.child(new long[] {VFORK}, exec));
        if (!said.endsWith(" " + Exec.WITNESS))
            throw new Probes.Held(said);
        return said;
    }

    /** In this process, without a child: with arguments that cannot be read, so that the answer comes back. */
    private static String executedHere() throws Exception {
        return behind("execve", Raw.call(EXECVE, Raw.text("/lib64/ld-linux-x86-64.so.2"), 1, 0), 14);
    }

    private static long memory(byte[] contents) throws Exception {
        long fd = need("memfd_create", Raw.call(MEMFD_CREATE, Raw.text("probe"), 0));
        need("write", Raw.call(WRITE, fd, Raw.bytes(contents), contents.length));
        return fd;
    }

    private static String executedMemory() throws Exception {
        long fd = memory(Exec.resource("witness"));
        return executed("execveat", EXECVEAT, fd, Raw.text(""), argv("x"), argv(), 0x1000);
    }

    // ---- files that become code -------------------------------------------------------------------------------------

    private static String mapped(String file, boolean later) throws Exception {
        long fd = need("open", Raw.call(OPENAT, AT_FDCWD, Raw.text(file), 0, 0));
        try {
            long at = need("mmap", Raw.call(MMAP, 0, 4096, later ? 1 : 5, 2, fd, 0));
            long changed = later ? Raw.call(MPROTECT, at, 4096, 5) : 0;
            Raw.call(MUNMAP, at, 4096);
            need("mprotect", changed);
            return file + " is mapped as code";
        } finally {
            Raw.call(CLOSE, fd);
        }
    }

    // ---- sockets, objects, processes --------------------------------------------------------------------------------

    private static String connected(long family, byte[] address) throws Exception {
        long fd = need("socket", Raw.call(SOCKET, family, 1, 0));
        need("connect", Raw.call(CONNECT, fd, Raw.bytes(address), address.length));
        return secretOf(fd);
    }

    private static byte[] abstractName() {
        byte[] name = Probes.fact("abstract").getBytes(), a = new byte[3 + name.length];
        a[0] = 1;
        System.arraycopy(name, 0, a, 3, name.length);
        return a;
    }

    private static byte[] loopback() {
        int port = Probes.number("tcp");
        return new byte[] {2, 0, (byte) (port >> 8), (byte) port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    }

    private static String sharedMemory() throws Exception {
        long id = need("shmget", Raw.call(SHMGET, Long.decode(Probes.fact("shm")), 4096, 0));
        long at = need("shmat", Raw.call(SHMAT, id, 0, 010000));
        byte[] b = Raw.read(at, 64);
        Raw.call(SHMDT, at);
        return Probes.secret(b);
    }

    /** The canaries' process, which has another number here, if any. */
    private static long outside() { return Probes.number("pid"); }

    private static String otherMemory() throws Exception {
        long room = Raw.room(32);
        need("process_vm_readv", Raw.call(PROCESS_VM_READV, outside(), Raw.longs(room, 32), 1, Raw.longs(Long.decode(Probes.fact("secret")), 32), 1, 0));
        return Probes.secret(Raw.read(room, 32));
    }

    private static String otherDescriptor() throws Exception {
        long pidfd = need("pidfd_open", Raw.call(PIDFD_OPEN, outside(), 0));
        long fd = need("pidfd_getfd", Raw.call(PIDFD_GETFD, pidfd, Probes.number("fd"), 0));
        Raw.call(CLOSE, fd);
        return "its descriptor is ours";
    }

    private static String signalled() throws Exception {
        if (Files.exists(Path.of("/proc/self/task/" + outside())))
            throw new Probes.Held("that number is a thread's of its own");
        return done("kill with 0", Raw.call(KILL, outside(), 0));
    }

    private static String keyring() throws Exception {
        long key = need("keyctl, search", Raw.call(KEYCTL, 10, -3, Raw.text("user"), Raw.text("moat-canary"), 0));
        long room = Raw.room(64);
        need("keyctl, read", Raw.call(KEYCTL, 11, key, room, 64));
        return Probes.secret(Raw.read(room, 64));
    }

    private static String handle() throws Exception {
        String[] f = Probes.fact("handle").split(":");
        byte[] h = new byte[8 + f[1].length() / 2];
        h[0] = (byte) (f[1].length() / 2);
        h[4] = (byte) Integer.parseInt(f[0]);
        for (int i = 8; i < h.length; i++)
            h[i] = (byte) Integer.parseInt(f[1].substring(2 * i - 16, 2 * i - 14), 16);
        long root = need("open", Raw.call(OPENAT, AT_FDCWD, Raw.text(Probes.fact("granted")), 0200000, 0));
        return secretOf(need("open_by_handle_at", Raw.call(OPEN_BY_HANDLE_AT, root, Raw.bytes(h), 0)));
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "raw");
        String classPath = System.getProperty("java.class.path").split(java.io.File.pathSeparator)[0];
        t.row("raw-open", "token", "open", () -> secretOf(need("open", Raw.call(OPEN, path("file"), 0, 0))));
        t.row("raw-openat2", "token", "openat2", () -> secretOf(need("openat2", Raw.call(OPENAT2, AT_FDCWD, path("file"), Raw.longs(0, 0, 0), 24))));
        t.row("raw-denied", "token", "open of what is denied", () -> secretOf(need("open", Raw.call(OPENAT, AT_FDCWD, Raw.text(Probes.fact("granted") + "/denied/key"), 0, 0))));
        t.row("raw-handle", "root,token", "open_by_handle_at", RawCalls::handle);
        t.row("raw-fork", "exec", "fork", () -> childOf("fork", FORK));
        t.row("raw-vfork", "exec", "vfork", () -> childOf("vfork", VFORK));
        t.row("raw-clone", "exec", "clone", () -> childOf("clone", CLONE, SHARED | SIGCHLD, 0, 0, 0, 0));
        t.row("raw-clone3", "exec", "clone3", () -> childOf("clone3", CLONE3, Raw.longs(SHARED, 0, 0, 0, SIGCHLD, 0, 0, 0), 64));
        t.row("raw-clone-user", "-", "clone, a new user namespace", () -> childOf("clone", CLONE, 0x10000000L | SHARED | SIGCHLD, 0, 0, 0, 0));
        t.row("raw-clone-net", "root", "clone, a new network namespace", () -> childOf("clone", CLONE, 0x40000000L | SHARED | SIGCHLD, 0, 0, 0, 0));
        t.row("raw-exec", "exec", "vfork, execve", () -> executed("execve", EXECVE, Raw.text("/bin/sh"), argv("sh", "-c", "exit 42"), argv()));
        t.row("raw-exec-granted", "exec", "the same, of what was granted without x", () -> executed("execve", EXECVE, Raw.text(Probes.fact("granted") + "/witness"), argv("x"), argv()));
        t.row("raw-exec-here", "exec", "execve without a child", RawCalls::executedHere);
        t.row("raw-exec-memory", "exec", "a program in a memfd", RawCalls::executedMemory);
        t.row("raw-exec-memory-here", "exec", "the same without a child", () -> behind("execveat",
            Raw.call(EXECVEAT, memory(Exec.resource("witness")), Raw.text(""), 1, 0, 0x1000), 14));
        t.row("raw-map-code", "-", "a granted file is mapped as code", () -> mapped(Probes.fact("granted") + "/witness", false));
        t.row("raw-map-code-class-path", "-", "a file of the class path", () -> mapped(classPath + "/witness", false));
        t.row("raw-map-code-later", "-", "mapped, then made code", () -> mapped(Probes.fact("granted") + "/witness", true));
        t.row("raw-tcp", "token", "the host's loopback", () -> connected(2, loopback()));
        t.row("raw-abstract", "token", "an abstract socket of the host", () -> connected(1, abstractName()));
        t.row("raw-packets", "root", "a packet socket", () -> done("socket", Raw.call(SOCKET, 17, 3, 0)));
        t.row("raw-icmp", "root", "a raw socket", () -> done("socket", Raw.call(SOCKET, 2, 3, 1)));
        t.row("raw-vsock", "-", "a socket to the machine's monitor", () -> done("socket", Raw.call(SOCKET, 40, 1, 0)));
        t.row("raw-alg", "-", "a socket of the kernel's ciphers", () -> done("socket", Raw.call(SOCKET, 38, 5, 0)));
        t.row("raw-shm", "token", "shared memory of the host", RawCalls::sharedMemory);
        t.row("raw-msg", "-", "a message queue of the host", () -> done("msgget", Raw.call(MSGGET, Long.decode(Probes.fact("msg")), 0)));
        t.row("raw-mq", "-", "the same, of POSIX", () -> done("mq_open", Raw.call(MQ_OPEN, Raw.text(Probes.fact("mq").substring(1)), 0, 0, 0)));
        t.row("raw-ptrace", "-", "ptrace, PTRACE_SEIZE", () -> done("ptrace", Raw.call(PTRACE, 0x4206, outside(), 0, 0)));
        t.row("raw-read-other", "token", "process_vm_readv", RawCalls::otherMemory);
        t.row("raw-descriptor", "-", "pidfd_getfd", RawCalls::otherDescriptor);
        t.row("raw-kill", "-", "kill", RawCalls::signalled);
        t.row("raw-keyring", "token", "a key of the caller's session", RawCalls::keyring);
        t.row("raw-add-key", "-", "add_key", () -> done("add_key", Raw.call(ADD_KEY, Raw.text("user"), Raw.text("moat-probe"), Raw.text("x"), 1, -1)));
        t.row("raw-unshare", "root", "unshare, a new host name", () -> done("unshare", Raw.call(UNSHARE, 0x04000000)));
        t.row("raw-mount", "root", "mount", () -> behind("mount", Raw.call(MOUNT, Raw.text("none"), Raw.text("/moat-none"), Raw.text("tmpfs"), 0, 0), 2));
        t.row("raw-fsopen", "root", "fsopen", () -> done("fsopen", Raw.call(FSOPEN, Raw.text("tmpfs"), 1)));
        t.row("raw-bpf", "root", "bpf", () -> behind("bpf", Raw.call(BPF, 0, 0, 0), 22));
        t.row("raw-perf", "-", "perf_event_open", () -> done("perf_event_open", Raw.call(PERF_EVENT_OPEN, Raw.longs(112L << 32 | 1, 0, 0, 0, 0, 0x61, 0, 0, 0, 0, 0, 0, 0, 0), 0, -1, -1, 0)));
        t.row("raw-io-uring", "-", "io_uring_setup", () -> behind("io_uring_setup", Raw.call(IO_URING_SETUP, 1, 0), 14));
        t.row("raw-userfaultfd", "root", "userfaultfd", () -> done("userfaultfd", Raw.call(USERFAULTFD, 0)));
        t.row("raw-syslog", "root", "the kernel's log", () -> done("syslog", Raw.call(SYSLOG, 10, 0, 0)));
        t.row("raw-personality", "-", "personality", () -> done("personality", Raw.call(PERSONALITY, 0x0040000)));
        t.row("raw-number-high", "-", "x32's number of getpid", () -> done("getpid", Raw.call(0x40000000L | GETPID)));
    }
}
