// SPDX-License-Identifier: Apache-2.0
/*
 * The escape probes in Java: each makes one attempt at what is outside, as a hostile jar would, and says what it saw. It
 * judges nothing: tests/escape/java.bats runs the same table under bare java and behind moat, and compares. What a row
 * changes outside it undoes, so that the table can run again. Trust: the facts on the command line are the test's.
 *
 *   java Probes list                             NAME, CLASS, NEEDS, WHAT, separated by tabs
 *   java Probes [FACT=VALUE...] [NAME|CLASS...]  a line for each: WORD NAME DETAIL
 *
 * WORD is ESCAPED, held, inside (a means that works within the process, and reaches nothing outside by itself), absent
 * (this kernel or JDK has nothing of the kind) or lost (the attempt could not be made).
 */
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public final class Probes {
    static final long LIMIT_MS = 10_000;

    /** Returns what was seen outside; whatever it throws was the refusal. */
    interface Attempt {
        String make() throws Throwable;
    }

    /** needs: "-", or words with commas: token (an escape shows the canaries' secret), root (an ordinary user has none of it),
     *  exec (a program), inside (see above), open (--add-opens), jar (runs from one), waits (beside the others). */
    record Probe(String name, String kind, String needs, String what, Attempt attempt) {}

    /** The rows of one class. */
    record Table(List<Probe> rows, String kind) {
        void row(String name, String needs, String what, Attempt attempt) {
            rows.add(new Probe(name, kind, needs, what, attempt));
        }
    }

    /** The word of a line that is neither an escape nor a refusal. */
    static final class Other extends RuntimeException {
        final String word;

        Other(String word, String detail) {
            super(detail);
            this.word = word;
        }
    }

    static final class Held extends Exception {
        Held(String why) { super(why); }
    }

    private static final Map<String, String> facts = new HashMap<>();
    private static final List<Probe> rows = new ArrayList<>();
    private static final Pattern SECRET = Pattern.compile("moat-canary-[0-9]+");

    private static void addAll() {
        Names.add(rows);
        Proc.add(rows);
        Exec.add(rows);
        Natives.add(rows);
        Net.add(rows);
        Others.add(rows);
        Memory.add(rows);
        RawCalls.add(rows);
    }

    // ---- what rows use ----------------------------------------------------------------------------------------------

    static Other absent(String why) { return new Other("absent", why); }

    static Other lost(String why) { return new Other("lost", why); }

    static Other inside(String what) { return new Other("inside", what); }

    static String fact(String name) {
        String value = facts.get(name);
        if (value == null)
            throw absent("the host has no " + name);
        return value;
    }

    static String factOr(String name, String otherwise) { return facts.getOrDefault(name, otherwise); }

    static int number(String name) { return Integer.parseInt(fact(name)); }

    /** The secret in a text: only then did it come from outside. */
    static String secret(String text) throws Held {
        Matcher m = SECRET.matcher(text);
        if (!m.find())
            throw new Held("the secret is not in " + text.length() + " characters: " + shown(text));
        return m.group();
    }

    static String secret(byte[] bytes) throws Held {
        return secret(new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1));
    }

    /** At most a few KiB of it. */
    static String secret(InputStream in) throws Exception {
        if (in == null)
            throw new Held("there is no such resource");
        try (in) {
            return secret(in.readNBytes(65536));
        }
    }

    /** A path of the kernel: where it is not there, this kernel has none. */
    static String opened(String path, String mode) throws Exception {
        try (var file = new java.io.RandomAccessFile(path, mode)) {
            return path + " is open for " + mode;
        } catch (java.io.FileNotFoundException e) {
            if (!Path.of(path).toFile().exists())
                throw absent("no " + path);
            throw e;
        }
    }

    static String shown(String text) {
        String line = text.replaceAll("[^ -~]+", " ").strip();
        return line.length() > 160 ? line.substring(0, 160) : line;
    }

    // ---- running ----------------------------------------------------------------------------------------------------

    /** One attempt, in a thread of its own. */
    private static final class Running {
        private final Thread thread;
        private volatile String line;

        Running(Probe p) {
            line = "lost " + p.name + " no answer in " + LIMIT_MS / 1000 + " s";
            thread = new Thread(() -> {
                try {
                    line = "ESCAPED " + p.name + " " + shown(p.attempt.make());
                } catch (Other e) {
                    line = e.word + " " + p.name + " " + shown(e.getMessage());
                } catch (Throwable e) {
                    Throwable cause = e instanceof InvocationTargetException && e.getCause() != null ? e.getCause() : e;
                    line = "held " + p.name + " " + shown(cause.toString());
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        String verdict() throws InterruptedException {
            thread.join(LIMIT_MS);
            return line;
        }
    }

    public static void main(String[] args) throws InterruptedException {
        // A row may close or replace System.out's stream.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
        Set<String> wanted = new HashSet<>();
        for (String arg : args) {
            int at = arg.indexOf('=');
            if (at > 0)
                facts.put(arg.substring(0, at), arg.substring(at + 1));
            else
                wanted.add(arg);
        }
        addAll();
        if (wanted.contains("list")) {
            for (Probe p : rows)
                out.println(p.name + "\t" + p.kind + "\t" + p.needs + "\t" + p.what);
            return;
        }
        rows.removeIf(p -> !wanted.isEmpty() && !wanted.contains(p.name) && !wanted.contains(p.kind));
        Map<Probe, Running> waiting = new HashMap<>();
        for (Probe p : rows)
            if (p.needs.contains("waits"))
                waiting.put(p, new Running(p));
        for (Probe p : rows)
            if (!waiting.containsKey(p))
                out.println(new Running(p).verdict());
        for (Running r : waiting.values())
            out.println(r.verdict());
        // Threads of rows may still be waiting for something.
        Runtime.getRuntime().halt(0);
    }
}
