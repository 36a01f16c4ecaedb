// SPDX-License-Identifier: Apache-2.0
/*
 * Native libraries: by JNI from wherever it can write or read, as agents by attaching and by the management beans, as a
 * module of the security library. Proven by a mapping of the file that is executable.
 */
import java.io.File;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Provider;
import java.security.Security;
import java.util.List;
import javax.management.ObjectName;

final class Natives {
    interface Load {
        void now(String path) throws Throwable;
    }

    private static String granted(String name) { return Probes.fact("granted") + "/" + name; }

    private static String mapped(String path, Load load) throws Throwable {
        Throwable why = null;
        try {
            load.now(path);
        } catch (Throwable e) {
            why = e; // a library may be mapped and then not liked
        }
        String name = path.substring(path.lastIndexOf('/') + 1);
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.contains("r-xp") && line.contains(name))
                return "mapped as code: " + line.substring(line.indexOf('/'));
        throw why != null ? why : new Probes.Held("it is not mapped");
    }

    /** Each row loads a file of its own name: a library that is loaded already would prove nothing. */
    private static String copied(String dir, String name, Load load) throws Throwable {
        Path path = Path.of(dir, name);
        Files.write(path, Exec.resource("loaded.so"));
        path.toFile().setExecutable(true);
        try {
            return mapped(path.toString(), load);
        } finally {
            Files.deleteIfExists(path);
        }
    }

    /** Every place that can be written here. */
    private static String anywhere() throws Throwable {
        String last = "nowhere can be written";
        for (String dir : new String[] {"/", "/run", "/var/tmp", "/dev", "/dev/shm", "/var", "/etc", "/usr", "/home", ".",
                System.getProperty("user.home")}) {
            if (dir.equals(Probes.fact("home")) || !Files.isWritable(Path.of(dir)))
                continue;
            try {
                return copied(dir, "moat-probe-anywhere.so", System::load);
            } catch (Throwable e) {
                last = dir + ": " + e;
            }
        }
        throw new Probes.Held(last);
    }

    private static void agent(String path) throws Throwable {
        ManagementFactory.getPlatformMBeanServer().invoke(new ObjectName("com.sun.management:type=DiagnosticCommand"), "jvmtiAgentLoad",
            new Object[] {new String[] {path}}, new String[] {String[].class.getName()});
    }

    /** An open file without a name. */
    private static String deleted() throws Throwable {
        Path path = Path.of("/tmp/moat-probe-deleted.so");
        Files.write(path, Exec.resource("loaded.so"));
        try (var f = new RandomAccessFile(path.toFile(), "r")) {
            Files.delete(path);
            int fd = (int) Memory.field(java.io.FileDescriptor.class, "fd", f.getFD());
            return mapped("/moat-probe-deleted.so", p -> agent("/proc/self/fd/" + fd));
        }
    }

    private static void module(String path) throws Throwable {
        Provider p = Security.getProvider("SunPKCS11");
        if (p == null)
            throw Probes.absent("no provider SunPKCS11");
        p.configure("--name=probe\nlibrary=" + path + "\n");
    }

    private static void libraryPath(String path) throws Throwable {
        String name = new File(path).getName(), dir = new File(path).getParent();
        System.setProperty("java.library.path", dir);
        Class<?> c = Class.forName("jdk.internal.loader.NativeLibraries$LibraryPaths");
        var f = c.getDeclaredField("USER_PATHS");
        Memory.UNSAFE.putObject(Memory.UNSAFE.staticFieldBase(f), Memory.UNSAFE.staticFieldOffset(f), new String[] {dir});
        System.loadLibrary(name.substring(3, name.length() - 3));
    }

    static void attachSelf(boolean agentPath, String file) throws Throwable {
        Class<?> h = Class.forName("sun.tools.attach.HotSpotVirtualMachine");
        Memory.overwrite(h, "ALLOW_ATTACH_SELF", true);
        Object vm = Others.attach(ProcessHandle.current().pid());
        try {
            Class.forName("com.sun.tools.attach.VirtualMachine").getMethod(agentPath ? "loadAgentPath" : "loadAgent", String.class).invoke(vm, file);
        } finally {
            Class.forName("com.sun.tools.attach.VirtualMachine").getMethod("detach").invoke(vm);
        }
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "native");
        String classPath = System.getProperty("java.class.path").split(File.pathSeparator)[0];
        t.row("load-granted", "-", "System.load of what was granted for reading and writing", () -> mapped(granted("given.so"), System::load));
        t.row("load-class-path", "-", "of what lies in the class path", () -> mapped(classPath + "/loaded.so", System::load));
        t.row("load-written", "-", "of what it writes into what was granted", () -> copied(Probes.fact("granted"), "moat-probe-a.so", System::load));
        t.row("load-tmp", "-", "of what it writes into /tmp", () -> copied("/tmp", "moat-probe-b.so", System::load));
        t.row("load-shm", "-", "into /dev/shm", () -> copied("/dev/shm", "moat-probe-c.so", System::load));
        t.row("load-anywhere", "-", "into any other place that can be written", Natives::anywhere);
        t.row("load-outside", "-", "of what was not granted", () -> mapped(Probes.fact("file").replace("/secret", "/outside.so"), System::load));
        t.row("load-host", "-", "of a library of the host", () -> mapped(Probes.fact("hostlib"), System::load));
        t.row("load-library", "-", "System.loadLibrary, with a path of its own", () -> copied(Probes.fact("granted"), "libmoatprobe.so", Natives::libraryPath));
        t.row("load-agent", "-", "an agent, by the management bean", () -> copied(Probes.fact("granted"), "moat-probe-d.so", Natives::agent));
        t.row("load-deleted", "-", "the same, of an open file that was deleted", Natives::deleted);
        t.row("load-module", "-", "a PKCS #11 module", () -> copied(Probes.fact("granted"), "moat-probe-e.so", Natives::module));
        t.row("load-attached", "-", "an agent, by attaching to itself", () -> copied(Probes.fact("granted"), "moat-probe-f.so", p -> attachSelf(true, p)));
    }
}
