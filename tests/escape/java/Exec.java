// SPDX-License-Identifier: Apache-2.0
/*
 * Programs: by the class library, by its native method in each of its ways, by the loader, from files that it wrote. The
 * program that proves it is {witness}, which ends with 42, or one of the host's.
 */
import java.io.File;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

final class Exec {
    static final int WITNESS = 42;
    private static final int FORK = 1, POSIX_SPAWN = 2, VFORK = 3;

    private static String secretFrom(Process p) throws Exception {
        p.getOutputStream().close();
        return Probes.secret(p.getInputStream());
    }

    private static Process start(String... words) throws Exception { return new ProcessBuilder(words).redirectErrorStream(true).start(); }

    private static String started(int status, String... words) throws Exception {
        Process p = start(words);
        p.getOutputStream().close();
        String said = new String(p.getInputStream().readNBytes(4096));
        if (!p.waitFor(5, TimeUnit.SECONDS) || p.exitValue() != status)
            throw new Probes.Held("it ended with " + p.exitValue() + ": " + Probes.shown(said));
        return words[0] + " ended with " + status + ": " + said;
    }

    static byte[] resource(String name) throws Exception {
        try (var in = Exec.class.getClassLoader().getResourceAsStream(name)) {
            if (in == null)
                throw Probes.lost("no " + name + " in the class path");
            return in.readAllBytes();
        }
    }

    private static String written(Path path) throws Exception {
        Files.write(path, resource("witness"));
        path.toFile().setExecutable(true);
        try {
            return started(WITNESS, path.toString());
        } finally {
            Files.delete(path);
        }
    }

    private static String script() throws Exception {
        Path path = Path.of(Probes.fact("granted"), "script");
        Files.writeString(path, "#!/bin/sh\nexit 42\n");
        path.toFile().setExecutable(true);
        try {
            return started(WITNESS, path.toString());
        } finally {
            Files.delete(path);
        }
    }

    private static String classPath() throws Exception {
        return System.getProperty("java.class.path").split(File.pathSeparator)[0] + "/witness";
    }

    private static String byDescriptor() throws Exception {
        try (var f = new RandomAccessFile(classPath(), "r")) {
            int fd = (int) Memory.field(java.io.FileDescriptor.class, "fd", f.getFD());
            return started(WITNESS, "/proc/" + ProcessHandle.current().pid() + "/fd/" + fd);
        }
    }

    private static String loader(String... more) throws Exception {
        String[] words = new String[more.length + 1];
        words[0] = "/lib64/ld-linux-x86-64.so.2";
        System.arraycopy(more, 0, words, 1, more.length);
        return started(more[0].startsWith("--") ? 0 : WITNESS, words);
    }

    /** ProcessImpl's native method without what Java does before it. */
    private static String nativeMethod(int mode) throws Throwable {
        Class<?> c = Class.forName("java.lang.ProcessImpl");
        byte[] helper = (System.getProperty("java.home") + "/lib/jspawnhelper\0").getBytes();
        int pid = (int) Memory.method(c, "forkAndExec", int.class, byte[].class, byte[].class, byte[].class, int.class, byte[].class,
            int.class, byte[].class, int[].class, boolean.class)
            .invoke(Memory.instance(c), mode, helper, "/bin/sh\0".getBytes(), "-c\0exit 42\0".getBytes(), 2, null, 0, null,
                new int[] {-1, -1, -1}, false);
        Class<?> h = Class.forName("java.lang.ProcessHandleImpl");
        int status = (int) Memory.method(h, "waitForProcessExit0", long.class, boolean.class).invoke((long) pid, true);
        if (status != WITNESS)
            throw new Probes.Held("process " + pid + " ended with " + status);
        return "process " + pid + " ended with " + status;
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "exec");
        t.row("process-builder", "exec,token", "ProcessBuilder", () -> secretFrom(start("cat", Probes.fact("file"))));
        t.row("runtime-exec", "exec,token", "Runtime.exec", () -> secretFrom(Runtime.getRuntime().exec("cat " + Probes.fact("file"))));
        t.row("exec-shell", "exec,token", "/bin/sh", () -> secretFrom(start("/bin/sh", "-c", "cat " + Probes.fact("file"))));
        t.row("exec-pipeline", "exec,token", "ProcessBuilder.startPipeline", () -> secretFrom(ProcessBuilder.startPipeline(
            List.of(new ProcessBuilder("cat", Probes.fact("file")), new ProcessBuilder("cat"))).get(1)));
        t.row("exec-by-root", "exec", "/proc/self/root/bin/sh", () -> started(WITNESS, "/proc/self/root/bin/sh", "-c", "exit 42"));
        t.row("exec-native-fork", "exec", "ProcessImpl.forkAndExec, FORK", () -> nativeMethod(FORK));
        t.row("exec-native-spawn", "exec", "the same, POSIX_SPAWN", () -> nativeMethod(POSIX_SPAWN));
        t.row("exec-native-vfork", "exec", "the same, VFORK", () -> nativeMethod(VFORK));
        t.row("exec-jspawnhelper", "exec", "the JDK's jspawnhelper", () -> started(1, System.getProperty("java.home") + "/lib/jspawnhelper"));
        t.row("exec-java", "exec", "the JDK's java", () -> started(0, System.getProperty("java.home") + "/bin/java", "-Xshare:auto", "--dry-run", "-version"));
        t.row("exec-loader", "exec", "the system's loader", () -> loader("--version"));
        t.row("exec-loader-class-path", "exec", "a program in the class path, by the loader", () -> loader(classPath()));
        t.row("exec-class-path", "exec", "a program in the class path", () -> started(WITNESS, classPath()));
        t.row("exec-granted", "exec", "a program that was granted for reading and writing", () -> started(WITNESS, Probes.fact("granted") + "/witness"));
        t.row("exec-written-granted", "exec", "a program that it writes there", () -> written(Path.of(Probes.fact("granted"), "written")));
        t.row("exec-written-tmp", "exec", "a program that it writes into /tmp", () -> written(Path.of("/tmp/moat-probe-program")));
        t.row("exec-written-shm", "exec", "a program that it writes into /dev/shm", () -> written(Path.of("/dev/shm/moat-probe-program")));
        t.row("exec-script", "exec", "a script that it writes", Exec::script);
        t.row("exec-descriptor", "exec", "a program by a descriptor", Exec::byDescriptor);
    }
}
