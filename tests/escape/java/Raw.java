// SPDX-License-Identifier: Apache-2.0
/*
 * System calls by machine code of our own, in Java alone: a method is compiled, its code found in the executable memory
 * by a number that stands in it, and a jump written there to a stub. The stub takes the call's number and arguments from a
 * block of raw memory, and does what the overwritten instruction did. It lies in the code of another method that is not
 * called any more, until its first call has mapped a page of its own. x86-64 only. Whoever has this owns the process: nothing of the class library or of
 * moat-jvm stands before these calls.
 */
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import sun.misc.Unsafe;

final class Raw {
    private static final long MARK = 0x5eed_0fca_11ab_1e55L, FIRST = 0x5eed_0fca_11ab_0001L, LAST = 0x5eed_0fca_11ab_002bL;
    private static final int STUB = 256, TRIES = 200, MMAP = 9;
    private static final long PAGE = 1 << 15;
    /* The block: number, six arguments, result, how often it ran, the child's number and five arguments. */
    private static final int RESULT = 56, RAN = 64, CHILD = 72, BLOCK = 128;

    private static final Unsafe U = Memory.UNSAFE;
    private static long block, hole, page;
    private static int stubs;

    private record Area(long from, long to) {}

    /** Compiled, its number stands in an instruction of ten bytes. */
    private static long target(long x) { return x ^ MARK; }

    /** Compiled, it is long: between its first and its last number there is room for a stub. */
    private static long room(long x) {
        x = (x ^ FIRST) * 0x5eed_0fca_11ab_0003L;
        x = (x ^ 0x5eed_0fca_11ab_0005L) * 0x5eed_0fca_11ab_0007L;
        x = (x ^ 0x5eed_0fca_11ab_0009L) * 0x5eed_0fca_11ab_000bL;
        x = (x ^ 0x5eed_0fca_11ab_000dL) * 0x5eed_0fca_11ab_000fL;
        x = (x ^ 0x5eed_0fca_11ab_0011L) * 0x5eed_0fca_11ab_0013L;
        x = (x ^ 0x5eed_0fca_11ab_0015L) * 0x5eed_0fca_11ab_0017L;
        x = (x ^ 0x5eed_0fca_11ab_0019L) * 0x5eed_0fca_11ab_001bL;
        x = (x ^ 0x5eed_0fca_11ab_001dL) * 0x5eed_0fca_11ab_001fL;
        x = (x ^ 0x5eed_0fca_11ab_0021L) * 0x5eed_0fca_11ab_0023L;
        x = (x ^ 0x5eed_0fca_11ab_0025L) * 0x5eed_0fca_11ab_0027L;
        return (x ^ 0x5eed_0fca_11ab_0029L) * LAST;
    }

    /** Until it is compiled, or the stub has run: once, with whatever the block says. */
    private static long warm() {
        long sum = 0;
        for (int i = 0; i < 20_000 && U.getLongVolatile(null, block + RAN) == 0; i++)
            sum += target(i);
        for (int i = 0; i < 20_000 && page == 0 && hole == 0; i++)
            sum += room(i);
        return sum;
    }

    private static List<Area> executable() throws Exception {
        List<Area> areas = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.contains(" rwxp ")) {
                String[] ends = line.substring(0, line.indexOf(' ')).split("-");
                areas.add(new Area(Long.parseUnsignedLong(ends[0], 16), Long.parseUnsignedLong(ends[1], 16)));
            }
        return areas;
    }

    private static byte[] stub(byte[] instruction, long back, long at) {
        byte[] head = hex("9c 50 53 51 52 56 57 4150 4151 4152 4153 48bb"), block = new byte[8];
        byte[] body = hex("48837b4000 7557" // once, whatever else is compiled of the loop that calls it
            + "488b03 488b7b08 488b7310 488b5318 4c8b5320 4c8b4328 4c8b4b30 0f05" // the call
            + "4885c0 752d 48837b4800 7426" // in a child that is to do another:
            + "488b4348 488b7b50 488b7358 488b5360 4c8b5368 4c8b4370 0f05 bf2b000000 b8e7000000 0f05"
            + "48894338 48ff4340 415b 415a 4159 4158 5f 5e 5a 59 5b 58 9d");
        byte[] all = new byte[head.length + 8 + body.length + 10 + 5];
        System.arraycopy(head, 0, all, 0, head.length);
        for (int i = 0; i < 8; i++)
            all[head.length + i] = (byte) (Raw.block >> 8 * i);
        System.arraycopy(body, 0, all, head.length + 8, body.length);
        int n = head.length + 8 + body.length;
        System.arraycopy(instruction, 0, all, n, instruction.length);
        jump(all, n + instruction.length, at + n + instruction.length, back);
        return all;
    }

    private static void jump(byte[] code, int i, long from, long to) {
        int distance = (int) (to - from - 5);
        code[i] = (byte) 0xe9;
        for (int k = 0; k < 4; k++)
            code[i + 1 + k] = (byte) (distance >> 8 * k);
    }

    private static byte[] hex(String text) {
        String digits = text.replace(" ", "");
        byte[] b = new byte[digits.length() / 2];
        for (int i = 0; i < b.length; i++)
            b[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
        return b;
    }

    private static void redirect(byte[] instruction, long at, long stub) {
        byte[] code = stub(instruction, at + instruction.length, stub), jump = hex("e900000000 9090909090");
        for (int i = 0; i < code.length; i++)
            U.putByte(stub + i, code[i]);
        jump(jump, 0, at, stub);
        for (int i = 0; i < jump.length; i++)
            U.putByte(at + i, jump[i]);
    }

    private static boolean isLoad(long at) { return (U.getByte(at - 2) & 0xfe) == 0x48 && (U.getByte(at - 1) & 0xf8) == 0xb8; }

    private static boolean is(long at, long in, long size) { return at >= in && at < in + size; }

    private static long holeIn(Area area) {
        for (long at = area.from + 2; at < area.to - STUB - 64; at++)
            if (U.getLong(at) == FIRST && isLoad(at))
                for (long end = at + STUB + 16; end < at + 2048 && end < area.to - 8; end++)
                    if (U.getLong(end) == LAST && isLoad(end))
                        return at + 8;
        return 0;
    }

    /** Each compiler keeps what it wrote last in a buffer, which looks like code that runs: something else to write. */
    private static void churn() throws Exception {
        var lookup = java.lang.invoke.MethodHandles.lookup();
        Class<?> c = lookup.defineHiddenClass(Exec.resource("Churn.class"), true).lookupClass();
        var spin = c.getDeclaredMethod("spin", long.class);
        for (int i = 0; i < 20; i++) {
            spin.invoke(null, 20_000L);
            Thread.sleep(2);
        }
    }

    private static List<Long> copies(Area area) {
        List<Long> found = new ArrayList<>();
        for (long at = area.from + 2; at < area.to - 8; at++)
            if (U.getLong(at) == MARK && isLoad(at) && !is(at, hole, STUB) && !is(at, page, PAGE))
                found.add(at - 2);
        return found;
    }

    /** Every copy of the instruction that is not patched yet, and is there for long. */
    private static void patch() throws Exception {
        List<Area> areas = executable();
        List<List<Long>> before = areas.stream().map(Raw::copies).toList();
        List<Long> holes = areas.stream().map(Raw::holeIn).filter(h -> h != 0).toList();
        churn();
        for (long h : holes)
            if (page == 0 && hole == 0 && U.getLong(h - 8) == FIRST)
                hole = h;
        if (page == 0 && hole == 0)
            return;
        for (int i = 0; i < areas.size(); i++)
            for (long at : copies(areas.get(i))) {
                if (!before.get(i).contains(at))
                    continue;
                byte[] instruction = read(at, 10);
                if (page == 0)
                    pageOfOurs(instruction, at, areas.get(i));
                if (stubs == PAGE / STUB)
                    throw Probes.lost("too many copies of the instruction");
                if (page != 0)
                    redirect(instruction, at, page + STUB * stubs++);
            }
    }

    /** This copy may be one that does not run: then it is as it was. */
    private static void pageOfOurs(byte[] instruction, long at, Area area) {
        long near = (area.from - (1L << 28)) & -PAGE;
        fill(new long[] {MMAP, near, PAGE, 7, 0x22, -1, 0}, new long[0]);
        redirect(instruction, at, hole);
        warm();
        for (int i = 0; i < instruction.length; i++)
            U.putByte(at + i, instruction[i]);
        if (U.getLong(block + RAN) != 0)
            page = U.getLong(block + RESULT);
        if (page < 0)
            throw Probes.lost("no executable page: errno " + -page);
    }

    private static void fill(long[] words, long[] then) {
        U.setMemory(block, BLOCK, (byte) 0);
        for (int i = 0; i < words.length; i++)
            U.putLong(block + 8 * i, words[i]);
        for (int i = 0; i < then.length; i++)
            U.putLong(block + CHILD + 8 * i, then[i]);
    }

    /** Number and arguments; negative results are errors. */
    static synchronized long call(long... words) throws Exception {
        return calling(words, new long[0]);
    }

    /** The same for a call that makes a child, which then calls this (and ends with 43 when that comes back). */
    static synchronized long child(long[] words, long... then) throws Exception { return calling(words, then); }

    private static long calling(long[] words, long[] then) throws Exception {
        if (!System.getProperty("os.arch").equals("amd64"))
            throw Probes.absent("the machine code here is that of x86-64");
        if (block == 0)
            block = U.allocateMemory(BLOCK);
        for (int tried = 0; tried < TRIES; tried++) {
            fill(words, then);
            warm();
            if (U.getLong(block + RAN) != 0)
                return U.getLong(block + RESULT);
            patch();
        }
        throw Probes.lost("the method was never compiled, or its code not found");
    }

    // ---- memory for arguments ---------------------------------------------------------------------------------------

    static long bytes(byte[] b) {
        long at = U.allocateMemory(b.length + 1);
        for (int i = 0; i < b.length; i++)
            U.putByte(at + i, b[i]);
        U.putByte(at + b.length, (byte) 0);
        return at;
    }

    static long text(String s) { return bytes(s.getBytes()); }

    /** Numbers of eight bytes each. */
    static long longs(long... values) {
        long at = U.allocateMemory(8L * values.length);
        for (int i = 0; i < values.length; i++)
            U.putLong(at + 8L * i, values[i]);
        return at;
    }

    static long room(int size) {
        long at = U.allocateMemory(size);
        U.setMemory(at, size, (byte) 0);
        return at;
    }

    static byte[] read(long at, int n) {
        byte[] b = new byte[n];
        for (int i = 0; i < n; i++)
            b[i] = U.getByte(at + i);
        return b;
    }
}
