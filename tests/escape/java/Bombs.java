// SPDX-License-Identifier: Apache-2.0
/*
 * What uses up a resource, or will not end: one by its name, alone in its JVM, and only where limits are. How it has to
 * end stands in tests/escape/java.bats. Each says "begun" before it does it.
 *
 *   java Bombs NAME
 *   java Bombs manifest FILE     makes a jar that is one
 */
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.lang.invoke.MethodHandles;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

public final class Bombs {
    private interface Bomb {
        void go() throws Throwable;
    }

    private static final int BLOCK = 1 << 20, TOUCHED = 4096, PAGE = 4096, LIST_LENGTH = 80; // as src/jvm/meter.h has it
    private static final List<Object> KEPT = new ArrayList<>();
    private static final Map<String, Bomb> ALL = new LinkedHashMap<>();

    private static void heap() {
        while (true)
            KEPT.add(new byte[BLOCK]);
    }

    /** Never gives anything back, and never ends by an exception. */
    private static void heapCaught() {
        while (true)
            try {
                heap();
            } catch (Throwable e) {
                // once more
            }
    }

    private static void swallow() {
        Thread.setDefaultUncaughtExceptionHandler((t, e) -> swallow());
        while (true)
            try {
                throw new ThreadDeath();
            } catch (Throwable e) {
                Thread.interrupted();
            }
    }

    private static void direct() {
        while (true) {
            ByteBuffer b = ByteBuffer.allocateDirect(BLOCK);
            for (int i = 0; i < BLOCK; i += TOUCHED)
                b.put(i, (byte) 1);
            KEPT.add(b);
        }
    }

    /** Memory that the JVM does not count. */
    private static void unsafe() {
        while (true) {
            long at = Memory.UNSAFE.allocateMemory(BLOCK);
            Memory.UNSAFE.setMemory(at, BLOCK, (byte) 1);
        }
    }

    private static void threads(boolean daemons) {
        while (true) {
            Thread t = new Thread(() -> {
                while (true)
                    try {
                        Thread.sleep(1_000_000);
                    } catch (InterruptedException e) {
                        // stays
                    }
            });
            t.setDaemon(daemons);
            t.start();
        }
    }

    private static void classes() throws Throwable {
        byte[] bytes;
        try (InputStream in = Bombs.class.getResourceAsStream("Bombs.class")) {
            bytes = in.readAllBytes();
        }
        while (true)
            KEPT.add(MethodHandles.lookup().defineHiddenClass(bytes, false));
    }

    private static int deeper(int n) { return deeper(n + 1) + 1; }

    private static void zip() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (ZipOutputStream z = new ZipOutputStream(packed)) {
            z.putNextEntry(new ZipEntry("zeros"));
            for (int i = 0; i < 256; i++)
                z.write(new byte[BLOCK]);
        }
        try (ZipInputStream z = new ZipInputStream(new ByteArrayInputStream(packed.toByteArray()))) {
            z.getNextEntry();
            KEPT.add(z.readAllBytes());
        }
    }

    /** A small jar whose manifest, unpacked, is larger than a heap. */
    private static void manifest(String path) throws Exception {
        byte[] line = ("X-" + "y".repeat(60) + ": z\n").getBytes();
        try (ZipOutputStream z = new ZipOutputStream(Files.newOutputStream(Path.of(path)))) {
            z.putNextEntry(new ZipEntry("META-INF/MANIFEST.MF"));
            z.write("Manifest-Version: 1.0\nMain-Class: Bombs\n".getBytes());
            for (int i = 0; i < 256 * BLOCK / line.length; i++)
                z.write(line);
        }
    }

    /** Sets of sets: a hundred bytes that take longer than the sun lasts. */
    private static void deserialise() throws Exception {
        Set<Object> root = new HashSet<>(), a = root, b = new HashSet<>();
        for (int i = 0; i < 100; i++) {
            Set<Object> c = new HashSet<>(), d = new HashSet<>();
            c.add("x");
            a.add(c);
            a.add(d);
            b.add(c);
            b.add(d);
            a = c;
            b = d;
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new ObjectOutputStream(out).writeObject(root);
        new ObjectInputStream(new ByteArrayInputStream(out.toByteArray())).readObject();
    }

    private static final class Undead {
        final byte[] bytes = new byte[BLOCK / 4];

        @Override
        @SuppressWarnings("removal")
        protected void finalize() { KEPT.add(this); }
    }

    private static void finalizers() {
        while (true)
            new Undead();
    }

    private static void files() throws Exception {
        byte[] block = new byte[BLOCK];
        for (int i = 0;; i++)
            Files.write(Path.of("/tmp/fill-" + i), block);
    }

    private static void descriptors() throws Exception {
        while (true)
            KEPT.add(new FileInputStream("/proc/self/status"));
    }

    private static void hook() {
        Runtime.getRuntime().addShutdownHook(new Thread(Bombs::swallow));
        System.exit(0);
    }

    /** While others swallow everything. */
    private static void halt() throws Exception {
        for (int i = 0; i < 4; i++)
            new Thread(Bombs::swallow).start();
        Thread.sleep(100);
        Runtime.getRuntime().halt(7);
    }

    /** All that would ask nicely is caught; then it waits for the signal that cannot be. */
    private static void deaf() throws Exception {
        for (String signal : List.of("TERM", "INT", "HUP"))
            sun.misc.Signal.handle(new sun.misc.Signal(signal), s -> {});
        while (true)
            Thread.sleep(1000);
    }

    private static void burn() {
        for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++)
            new Thread(() -> {
                while (true)
                    Thread.onSpinWait();
            }).start();
    }

    public static void main(String[] args) throws Throwable {
        ALL.put("heap", Bombs::heap);
        ALL.put("heap-caught", Bombs::heapCaught);
        ALL.put("array", () -> KEPT.add(new long[Integer.MAX_VALUE]));
        ALL.put("swallow", Bombs::swallow);
        ALL.put("direct", Bombs::direct);
        ALL.put("unsafe", Bombs::unsafe);
        ALL.put("threads", () -> threads(true));
        ALL.put("threads-kept", () -> threads(false));
        ALL.put("classes", Bombs::classes);
        ALL.put("recursion", () -> deeper(0));
        ALL.put("zip", Bombs::zip);
        ALL.put("deserialise", Bombs::deserialise);
        ALL.put("finalizers", Bombs::finalizers);
        ALL.put("files", Bombs::files);
        ALL.put("descriptors", Bombs::descriptors);
        ALL.put("hook", Bombs::hook);
        ALL.put("halt", Bombs::halt);
        ALL.put("deaf", Bombs::deaf);
        ALL.put("burn", Bombs::burn);
        ALL.put("crash", () -> Memory.UNSAFE.putAddress(0, 0));
        ALL.put("scribble", Bombs::scribble);
        ALL.put("list", Bombs::list);
        ALL.put("kill", () -> Raw.call(62, ProcessHandle.current().pid(), 9));
        if (args[0].equals("manifest")) {
            manifest(args[1]);
            return;
        }
        System.out.println("begun");
        ALL.get(args[0]).go();
    }

    private record Page(long from, long size) {}

    private static List<Page> shared() throws Exception {
        List<Page> pages = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.contains(" rw-s ")) {
                String[] ends = line.substring(0, line.indexOf(' ')).split("-");
                long from = Long.parseUnsignedLong(ends[0], 16);
                pages.add(new Page(from, Long.parseUnsignedLong(ends[1], 16) - from));
            }
        System.out.println("shared: " + pages.size());
        System.out.flush();
        return pages;
    }

    /** Every page that is shared with somebody is filled with nonsense, the meter's among them, again and again. */
    private static void scribble() throws Exception {
        List<Page> pages = shared();
        for (int with = 0xff;; with = with == 0xff ? 0x80 : 0xff) {
            for (Page p : pages)
                Memory.UNSAFE.setMemory(p.from, p.size, (byte) with);
            Thread.sleep(1);
        }
    }

    /* What a list of classes knows beside names: other loaders, sources, directives; and what is no line at all. */
    private static final String LIST = "java/lang/Object id: 0\nOutside id: 1 super: 0 source: /etc/passwd\n@lambda-proxy Bombs go\n"
        + "@lambda-form-invoker [LF_RESOLVE] java.lang.invoke.Invokers$Holder x L_V\n../../etc/passwd\n/etc/passwd\n#\n\n\0\n \n"
        + "x".repeat(600) + "\njava/lang/String\n+Bombs\n+Names\nno/such/Class\n+no/such/Other\n\u00ff\u00fe\nlast";

    /** Instead of the list of classes from which moat makes an archive for the next run. */
    private static void list() throws Exception {
        for (Page p : shared()) {
            byte[] text = LIST.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
            for (long i = PAGE; i < p.size; i++)
                Memory.UNSAFE.putByte(p.from + i, text[(int) ((i - PAGE) % text.length)]);
            Memory.UNSAFE.putInt(p.from + LIST_LENGTH, (int) (p.size - PAGE));
        }
        Runtime.getRuntime().halt(0);
    }
}
