// SPDX-License-Identifier: Apache-2.0
/*
 * Other processes, other JVMs among them: signals, attaching, what the tools of the JDK leave in /tmp; and files that the
 * JVM itself writes when it is asked to. {target} is a process of the test's that may end, {jvm} a JVM with the secret.
 */
import java.lang.management.ManagementFactory;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.management.ObjectName;

final class Others {
    private static ProcessHandle target() throws Exception {
        return ProcessHandle.of(Probes.number("target")).orElseThrow(() -> new Probes.Held("no such process"));
    }

    private static String destroyed() throws Exception {
        if (!target().destroy())
            throw new Probes.Held("it was not asked to end");
        return "the test's process was asked to end";
    }

    private static String listed() throws Exception {
        if (ProcessHandle.allProcesses().noneMatch(p -> p.pid() == Probes.number("pid") && p.info().command().orElse("").contains("moat-probe")))
            throw new Probes.Held("it is not listed");
        return "the canaries' process is listed";
    }

    static Object attach(long pid) throws Throwable {
        try {
            return Class.forName("com.sun.tools.attach.VirtualMachine").getMethod("attach", String.class).invoke(null, Long.toString(pid));
        } catch (ClassNotFoundException e) {
            throw Probes.absent("this JDK has no module jdk.attach");
        }
    }

    private static String attached() throws Throwable {
        Object vm = attach(Probes.number("jvm"));
        return Probes.secret(Class.forName("com.sun.tools.attach.VirtualMachine").getMethod("getSystemProperties").invoke(vm).toString());
    }

    /** The protocol of attaching, without the library. */
    private static String attachedBySocket() throws Exception {
        try (SocketChannel c = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            c.connect(UnixDomainSocketAddress.of("/tmp/.java_pid" + Probes.fact("jvm")));
            c.write(ByteBuffer.wrap("1\0properties\0\0\0\0".getBytes()));
            return Probes.secret(Channels.newInputStream(c));
        }
    }

    private static String performanceData() throws Exception {
        String last = "no directory of performance data";
        for (String dir : new java.io.File("/tmp").list())
            if (dir.startsWith("hsperfdata_"))
                try {
                    return Probes.secret(Files.readAllBytes(Path.of("/tmp", dir, Probes.fact("jvm"))));
                } catch (java.io.IOException e) {
                    last = e.toString();
                }
        throw new Probes.Held(last);
    }

    private static Object bean(String name, String operation, String type, Object argument) throws Exception {
        return ManagementFactory.getPlatformMBeanServer().invoke(new ObjectName("com.sun.management:type=" + name), operation,
            new Object[] {argument}, new String[] {type});
    }

    private static Path outside(String name) { return Path.of(Probes.fact("file")).resolveSibling(name); }

    private static String isThere(Path path, String said) throws Exception {
        if (!Files.deleteIfExists(path))
            throw new Probes.Held("nothing was written: " + said);
        return path + " was written";
    }

    private static String heapDump() throws Exception {
        Path path = outside("dump.hprof");
        ManagementFactory.getPlatformMBeanServer().invoke(new ObjectName("com.sun.management:type=HotSpotDiagnostic"), "dumpHeap",
            new Object[] {path.toString(), true}, new String[] {"java.lang.String", "boolean"});
        return isThere(path, "");
    }

    private static String logFile() throws Exception {
        Path path = outside("log");
        Object said = bean("DiagnosticCommand", "vmLog", String[].class.getName(), new String[] {"output=" + path, "what=gc"});
        bean("DiagnosticCommand", "vmLog", String[].class.getName(), new String[] {"disable"});
        return isThere(path, String.valueOf(said));
    }

    /** What it reads and is no directive it complains about, word for word. */
    private static String directives() throws Exception {
        return Probes.secret((String) bean("DiagnosticCommand", "compilerDirectivesAdd", String[].class.getName(),
            new String[] {Probes.fact("file")}));
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "others");
        t.row("process-list", "-", "the canaries' process among all", Others::listed);
        t.row("process-arguments", "-", "its command", () -> ProcessHandle.of(Probes.number("pid")).flatMap(p -> p.info().command())
            .filter(c -> c.contains("moat-probe")).orElseThrow(() -> new Probes.Held("not to be seen")));
        t.row("process-destroy", "-", "asks a process of the host to end", Others::destroyed);
        t.row("attach", "token", "attaches to a JVM of the host", Others::attached);
        t.row("attach-socket", "token", "the same by its socket", Others::attachedBySocket);
        t.row("performance-data", "token", "what a JVM of the host shares with its tools", Others::performanceData);
        t.row("heap-dump", "-", "the JVM writes its heap outside", Others::heapDump);
        t.row("log-file", "-", "the JVM writes its log outside", Others::logFile);
        t.row("directives", "token", "the JVM reads a file outside", Others::directives);
    }
}
