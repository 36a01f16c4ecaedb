// SPDX-License-Identifier: Apache-2.0
/*
 * The means of a hostile jar within its own process: sun.misc.Unsafe, deep reflection, raw and executable memory. HotSpot
 * does not stop them, so each says `inside`; the rows of other classes use them to reach outside. Those that HotSpot may
 * stop and did are `held`.
 */
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.RandomAccessFile;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.List;
import sun.misc.Unsafe;

final class Memory {
    static final Unsafe UNSAFE = unsafe();

    private static Unsafe unsafe() {
        try {
            Field f = Unsafe.class.getDeclaredField("theUnsafe");
            f.setAccessible(true);
            return (Unsafe) f.get(null);
        } catch (ReflectiveOperationException e) {
            throw Probes.lost(e.toString());
        }
    }

    // ---- deep reflection, for all rows ------------------------------------------------------------------------------

    /** The lookup that may do everything: a static field, read raw. */
    static MethodHandles.Lookup lookup() throws Exception {
        Field f = MethodHandles.Lookup.class.getDeclaredField("IMPL_LOOKUP");
        return (MethodHandles.Lookup) UNSAFE.getObject(UNSAFE.staticFieldBase(f), UNSAFE.staticFieldOffset(f));
    }

    /** Any method, of any module, private or native. */
    static MethodHandle method(Class<?> c, String name, Class<?>... types) throws Exception {
        return lookup().unreflect(c.getDeclaredMethod(name, types));
    }

    static Object field(Class<?> c, String name, Object of) throws Exception {
        Field f = c.getDeclaredField(name);
        try {
            return lookup().unreflectGetter(f).invoke(of);
        } catch (Throwable e) {
            throw new Probes.Held(e.toString());
        }
    }

    /** An object that no constructor has seen. */
    static Object instance(Class<?> c) throws Exception { return UNSAFE.allocateInstance(c); }

    /** A static final boolean gets another value. */
    static void overwrite(Class<?> c, String name, boolean value) throws Exception {
        Field f = c.getDeclaredField(name);
        UNSAFE.putBoolean(UNSAFE.staticFieldBase(f), UNSAFE.staticFieldOffset(f), value);
    }

    // ---- rows -------------------------------------------------------------------------------------------------------

    private static class Cell {
        final int value;
        Object other;

        Cell(int value) { this.value = value; }
    }

    /** Where AccessibleObject keeps its flag: the same place in a class of the same shape. */
    private static class Shape {
        boolean override;
        Object accessCheckCache;
    }

    private static String raw() throws Probes.Held {
        long at = UNSAFE.allocateMemory(16);
        UNSAFE.putLong(at, 0x600df00dL);
        if (UNSAFE.getLong(at) != 0x600df00dL)
            throw new Probes.Held("it reads otherwise");
        throw Probes.inside("memory at " + Long.toHexString(at));
    }

    private static String last() throws Exception {
        Cell cell = new Cell(1);
        UNSAFE.putInt(cell, UNSAFE.objectFieldOffset(Cell.class.getDeclaredField("value")), 2);
        int now = (int) field(Cell.class, "value", cell);
        if (now != 2)
            throw new Probes.Held("it is still " + now);
        throw Probes.inside("a final field is " + now);
    }

    /** A number is made a reference: an object of one class is seen as one of another. */
    private static String forged() throws Exception {
        Cell cell = new Cell(1);
        Object[] holder = {new long[] {7}};
        long at = UNSAFE.arrayBaseOffset(Object[].class), to = UNSAFE.objectFieldOffset(Cell.class.getDeclaredField("other"));
        UNSAFE.putInt(cell, to, UNSAFE.getInt(holder, at));
        if (cell.other != holder[0])
            throw new Probes.Held("it is another");
        throw Probes.inside("a reference was made of a number");
    }

    private static String noConstructor() throws Exception {
        if (((Cell) instance(Cell.class)).value != 0)
            throw new Probes.Held("it was constructed");
        throw Probes.inside("an object without a constructor");
    }

    private static String opened() throws Exception {
        Method m = Class.forName("java.lang.Shutdown").getDeclaredMethod("beforeHalt");
        m.setAccessible(true);
        throw Probes.inside("setAccessible");
    }

    private static String openedByFlag() throws Exception {
        Method m = Class.forName("java.lang.ProcessEnvironment").getDeclaredMethod("getenv");
        UNSAFE.putBoolean(m, UNSAFE.objectFieldOffset(Shape.class.getDeclaredField("override")), true);
        m.invoke(null);
        throw Probes.inside("a private method of java.lang was called");
    }

    private static String openedByLookup() throws Throwable {
        method(Class.forName("java.lang.ProcessEnvironment"), "getenv").invoke();
        throw Probes.inside("the same by IMPL_LOOKUP");
    }

    private static String ownMemory() throws Exception {
        long at = UNSAFE.allocateMemory(8);
        try (var f = new RandomAccessFile("/proc/self/mem", "rw")) {
            f.seek(at);
            f.writeLong(42);
        }
        if (Long.reverseBytes(UNSAFE.getLong(at)) != 42)
            throw new Probes.Held("it was not written");
        throw Probes.inside("its memory by /proc/self/mem");
    }

    private static String machineCode() throws Exception {
        long pid = Raw.call(39);
        if (pid != ProcessHandle.current().pid())
            throw Probes.lost("getpid gave " + pid);
        throw Probes.inside("machine code in the code cache: getpid is " + pid);
    }

    /** FileInputStream.open0 without what is before it. */
    private static String nativeOpen() throws Throwable {
        FileInputStream in = (FileInputStream) instance(FileInputStream.class);
        FileDescriptor fd = new FileDescriptor();
        Field f = FileInputStream.class.getDeclaredField("fd");
        UNSAFE.putObject(in, UNSAFE.objectFieldOffset(f), fd);
        method(FileInputStream.class, "open0", String.class).invoke(in, Probes.fact("file"));
        byte[] b = new byte[64];
        method(FileInputStream.class, "readBytes", byte[].class, int.class, int.class).invoke(in, b, 0, b.length);
        return Probes.secret(b);
    }

    /** A FileDescriptor with a number of its choice. */
    private static String forgedDescriptor() throws Exception {
        String last = "";
        for (int i = 3; i < 64; i++) {
            FileDescriptor fd = new FileDescriptor();
            UNSAFE.putInt(fd, UNSAFE.objectFieldOffset(FileDescriptor.class.getDeclaredField("fd")), i);
            try {
                byte[] b = new byte[64];
                var in = new FileInputStream(fd);
                if (!java.nio.file.Files.readSymbolicLink(java.nio.file.Path.of("/proc/self/fd/" + i)).startsWith("/"))
                    continue;
                in.getChannel().read(java.nio.ByteBuffer.wrap(b), 0);
                return Probes.secret(b) + " by descriptor " + i;
            } catch (Exception e) {
                last = e.toString();
            }
        }
        throw new Probes.Held(last);
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "memory");
        t.row("unsafe-raw", "inside", "Unsafe reads and writes at an address", Memory::raw);
        t.row("unsafe-final", "inside", "Unsafe overwrites a final field", Memory::last);
        t.row("unsafe-forge", "inside", "Unsafe makes a reference of a number", Memory::forged);
        t.row("unsafe-instance", "inside", "Unsafe makes an object without a constructor", Memory::noConstructor);
        t.row("unsafe-override", "inside", "Unsafe opens a method to reflection", Memory::openedByFlag);
        t.row("unsafe-lookup", "inside", "Unsafe reads the lookup that may do everything", Memory::openedByLookup);
        t.row("reflection", "inside,open", "setAccessible on java.lang: with --add-opens alone", Memory::opened);
        t.row("proc-self-mem", "inside", "writes its memory by /proc/self/mem", Memory::ownMemory);
        t.row("machine-code", "inside", "writes machine code into the code cache and runs it", Memory::machineCode);
        t.row("native-open", "token", "FileInputStream's native open", Memory::nativeOpen);
        t.row("native-descriptor", "token", "a FileDescriptor of a forged number", Memory::forgedDescriptor);
    }
}
