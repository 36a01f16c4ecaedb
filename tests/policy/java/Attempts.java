// SPDX-License-Identifier: Apache-2.0
/*
 * The attempts of guest/attempts in Java: the same names, arguments, words and exit statuses, by the class library as an
 * ordinary program uses it. It judges nothing. What Java cannot express is not here; tests/policy/java/cannot says why.
 * It changes what its arguments name, and nothing else.
 *
 *   java Attempts NAME [ARG...]
 *   java Attempts names
 */
import java.io.File;
import java.io.FileInputStream;
import java.io.RandomAccessFile;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;

public final class Attempts {
    private static final String TEXT = "moat-attempt";
    private static final int REFUSED = 1, UNTRIED = 2, HOLLOW = 3, USAGE = 64, PATIENCE_MS = 3000;

    /** Returns what was done and seen. */
    private interface Attempt {
        String make(String[] a) throws Exception;
    }

    private record Row(Attempt attempt, String args) {}

    /** A word of its own, where no call failed. */
    private static final class Word extends Exception {
        final int status;

        Word(int status, String text) {
            super(text);
            this.status = status;
        }
    }

    private static Word refused(String text) { return new Word(REFUSED, text); }

    private static Word untried(String text) { return new Word(UNTRIED, text); }

    private static Word hollow(String text) { return new Word(HOLLOW, text); }

    // ---- errno of an exception --------------------------------------------------------------------------------------

    /* What strerror says of it, which is all that Java keeps. */
    private static final String[][] ERRORS = {{"Permission denied", "EACCES"}, {"Read-only file system", "EROFS"}, {"No such file", "ENOENT"},
        {"Operation not permitted", "EPERM"}, {"Device or resource busy", "EBUSY"}, {"cross-device", "EXDEV"}, {"No space left", "ENOSPC"},
        {"File too large", "EFBIG"}, {"Too many open files", "EMFILE"}, {"No such device or address", "ENXIO"}, {"Is a directory", "EISDIR"},
        {"Not a directory", "ENOTDIR"}, {"Connection refused", "ECONNREFUSED"}, {"Network is unreachable", "ENETUNREACH"},
        {"Connection reset", "ECONNRESET"}, {"No route to host", "EHOSTUNREACH"}, {"Cannot assign requested address", "EADDRNOTAVAIL"},
        {"Address already in use", "EADDRINUSE"}, {"timed out", "ETIMEDOUT"}, {"Text file busy", "ETXTBSY"}, {"Exec format", "ENOEXEC"},
        {"Resource temporarily unavailable", "EAGAIN"}, {"Temporary failure", "EAGAIN"}, {"Name or service not known", "NXDOMAIN"},
        {"No address associated", "NODATA"}, {"Invalid argument", "EINVAL"}, {"Operation not supported", "EOPNOTSUPP"}};

    private static String errno(Exception e) {
        if (e instanceof AtomicMoveNotSupportedException)
            return "EXDEV";
        if (e instanceof java.nio.file.NoSuchFileException)
            return "ENOENT";
        if (e instanceof java.nio.file.AccessDeniedException)
            return "EACCES";
        if (e instanceof java.nio.file.FileAlreadyExistsException)
            return "EEXIST";
        String text = e instanceof FileSystemException f && f.getReason() != null ? f.getReason() : String.valueOf(e.getMessage());
        for (String[] row : ERRORS)
            if (text.contains(row[0]))
                return row[1];
        return e instanceof UnknownHostException ? "NXDOMAIN" : "OTHER";
    }

    private static String shown(String text) {
        String line = text.lines().findFirst().orElse("").replaceAll("[^ -~]", "?");
        return line.length() > 60 ? line.substring(0, 60) : line;
    }

    private static long number(String text) throws Word {
        int at = "kmg".indexOf(text.charAt(text.length() - 1));
        try {
            return at < 0 ? Long.parseLong(text) : Long.parseLong(text.substring(0, text.length() - 1)) << 10 * (at + 1);
        } catch (NumberFormatException e) {
            throw new Word(USAGE, "no number: " + text);
        }
    }

    private static String compared(String what, String is, String wanted) throws Word {
        if (!is.equals(wanted))
            throw refused("OTHER " + what + " is " + (is.isEmpty() ? "empty" : is));
        return what + " is " + is;
    }

    // ---- contents ---------------------------------------------------------------------------------------------------

    private static byte[] bytes(String path) throws Exception {
        try (FileInputStream in = new FileInputStream(path)) {
            return in.readNBytes(4096);
        }
    }

    private static String word(String path) throws Exception { return new String(bytes(path)).strip(); }

    private static String read(String[] a) throws Exception {
        byte[] b;
        try (FileChannel c = FileChannel.open(Path.of(a[0]))) {
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            c.read(buffer);
            b = java.util.Arrays.copyOf(buffer.array(), buffer.position());
        }
        return b.length + " bytes" + (a.length > 1 ? "" : ": " + shown(new String(b)));
    }

    private static String list(String[] a) throws Exception {
        try (var names = Files.list(Path.of(a[0]))) {
            List<String> all = names.map(p -> p.getFileName().toString()).toList();
            return all.size() + " names" + (a.length > 1 ? "" : ": " + shown(String.join(" ", all)));
        }
    }

    private static String put(String path, String text, OpenOption... how) throws Exception {
        long at = 0;
        try (FileChannel c = FileChannel.open(Path.of(path), how)) {
            if (List.of(how).contains(StandardOpenOption.APPEND))
                at = c.size();
            if (List.of(how).contains(StandardOpenOption.TRUNCATE_EXISTING) && c.size() > 0)
                throw hollow(path + " is not empty after O_TRUNC");
            c.write(ByteBuffer.wrap(text.getBytes()));
        }
        Path file = Path.of(path);
        if (Files.isRegularFile(file) && (Files.size(file) < at + text.length() || (Files.isReadable(file) && !new String(bytes(path)).contains(text))))
            throw hollow("what was written to " + path + " is not in it");
        return text.length() + " bytes written";
    }

    private static Attempt put(OpenOption... how) { return a -> put(a[0], a.length > 1 ? a[1] : TEXT, how); }

    private static String truncate(String[] a) throws Exception {
        try (FileChannel c = FileChannel.open(Path.of(a[0]), StandardOpenOption.WRITE)) {
            c.truncate(0);
        }
        if (Files.size(Path.of(a[0])) != 0)
            throw hollow(a[0] + " has bytes");
        return "0 bytes are left";
    }

    /** O_CREAT, which RandomAccessFile asks for with rw, is not meant. */
    private static String open(String[] a) throws Exception {
        String mode = a.length > 1 ? a[1] : "r";
        List<OpenOption> how = new ArrayList<>();
        if (mode.contains("r"))
            how.add(StandardOpenOption.READ);
        if (mode.contains("w"))
            how.add(StandardOpenOption.WRITE);
        FileChannel.open(Path.of(a[0]), how.toArray(new OpenOption[0])).close();
        return a[0] + " for " + mode + "; nothing was changed";
    }

    private static String fill(String[] a) throws Exception {
        long bytes = number(a[1]), put = 0;
        Path path = Path.of(a[0]);
        try (FileChannel c = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            while (put < bytes)
                put += c.write(ByteBuffer.allocate((int) Math.min(bytes - put, 1 << 16)));
        } finally {
            Files.deleteIfExists(path);
        }
        return put + " bytes";
    }

    private static String fileSize(String[] a) throws Exception {
        try (RandomAccessFile f = new RandomAccessFile(a[0], "rw")) {
            f.seek(number(a[1]) - 1);
            f.write(0);
        } finally {
            new File(a[0]).delete();
        }
        return "a file of " + a[1] + " bytes";
    }

    // ---- names ------------------------------------------------------------------------------------------------------

    private static boolean isThere(String path) { return Files.exists(Path.of(path), LinkOption.NOFOLLOW_LINKS); }

    private static String made(String path) throws Word {
        if (!isThere(path))
            throw hollow(path + " is not there");
        return "made";
    }

    private static String rename(String[] a) throws Exception {
        // Without "atomic" Java copies where rename(2) fails.
        Files.move(Path.of(a[0]), Path.of(a[1]), StandardCopyOption.ATOMIC_MOVE);
        if (isThere(a[0]) || !isThere(a[1]))
            throw hollow(a[0] + " is not renamed");
        return "renamed";
    }

    private static String readRenamed(String[] a) throws Exception {
        rename(a);
        try {
            return read(new String[] {a[2]});
        } finally {
            rename(new String[] {a[1], a[0]});
        }
    }

    private static String delete(String[] a) throws Exception {
        Files.delete(Path.of(a[0]));
        if (isThere(a[0]))
            throw hollow(a[0] + " is still there");
        return "removed";
    }

    private static String changeMode(String[] a) throws Exception {
        StringBuilder text = new StringBuilder();
        int mode = Integer.parseInt(a[1], 8);
        for (int i = 8; i >= 0; i--)
            text.append((mode >> i & 1) != 0 ? "xwr".charAt(i % 3) : '-');
        Files.setPosixFilePermissions(Path.of(a[0]), PosixFilePermissions.fromString(text.toString()));
        if (!PosixFilePermissions.toString(Files.getPosixFilePermissions(Path.of(a[0]))).contentEquals(text))
            throw hollow("its mode is another");
        return "mode " + text;
    }

    private static String changeOwner(String[] a) throws Exception {
        Files.setAttribute(Path.of(a[0]), "unix:uid", (int) number(a[1]));
        return compared("the owner", Files.getAttribute(Path.of(a[0]), "unix:uid").toString(), a[1]);
    }

    private static String execute(String[] a) throws Exception {
        Process p = new ProcessBuilder(a[0], "witness").start();
        p.getOutputStream().close();
        if (!new String(p.getInputStream().readAllBytes()).strip().equals("witness"))
            throw hollow(a[0] + " was executed and did not run");
        return "it ran and said so";
    }

    // ---- the process ------------------------------------------------------------------------------------------------

    private static String environment(String[] a) throws Exception {
        String v = System.getenv(a[0]);
        if (v == null)
            throw refused("ENOENT " + a[0] + " is not in the environment");
        return a.length > 1 ? compared(a[0], v, a[1]) : a[0] + " is " + shown(v);
    }

    private static String status(String name) throws Exception {
        for (String line : new String(bytes("/proc/self/status")).split("\n"))
            if (line.startsWith(name + ":"))
                return line.substring(name.length() + 1).strip();
        throw untried("no " + name + " in /proc/self/status");
    }

    private static String identity(String[] a) throws Exception {
        String[] uids = status("Uid").split("\\s+"), gids = status("Gid").split("\\s+");
        TreeSet<Long> more = new TreeSet<>();
        for (String g : status("Groups").split("\\s+"))
            if (!g.isEmpty() && !g.equals(gids[0]))
                more.add(Long.valueOf(g));
        if (!uids[0].equals(uids[1]) || !uids[1].equals(uids[2]) || !gids[0].equals(gids[1]) || !gids[1].equals(gids[2]))
            throw refused("OTHER real, effective and saved ids differ");
        String groups = more.toString().replaceAll("[\\[\\] ]", "");
        return compared("identity", uids[0] + ":" + gids[0] + (groups.isEmpty() ? "" : ":" + groups), a[0]);
    }

    private static long[] idMap() throws Exception {
        String[] words = word("/proc/self/uid_map").split("\\s+");
        return new long[] {Long.parseLong(words[0]), Long.parseLong(words[1]), Long.parseLong(words[2])};
    }

    private static String hostIds(String[] a) throws Exception {
        long[] m = idMap();
        if (m[0] != m[1] || m[2] != 0xffff_ffffL)
            throw refused("OTHER uid " + m[0] + " is uid " + m[1] + " outside, " + m[2] + " in all");
        return "ids are the host's";
    }

    private static String oneId(String[] a) throws Exception {
        if (idMap()[2] != 1)
            throw refused("OTHER " + idMap()[2] + " ids");
        return "one id";
    }

    private static String terminal(String[] a) throws Exception {
        new RandomAccessFile("/dev/tty", "rw").close();
        if (System.console() == null)
            throw refused("ENOTTY standard input or output is no terminal");
        return "a controlling terminal, and standard output is one";
    }

    private static String newPrivileges(String[] a) throws Exception {
        if (!status("NoNewPrivs").equals("0"))
            throw refused("OTHER no new privileges");
        return "not fenced off";
    }

    private static String await(String[] a) throws Exception {
        CountDownLatch came = new CountDownLatch(1);
        String[] name = {"none"};
        for (String signal : List.of("TERM", "USR1", "INT", "HUP"))
            sun.misc.Signal.handle(new sun.misc.Signal(signal), s -> {
                name[0] = s.getName();
                came.countDown();
            });
        if (!came.await(6, java.util.concurrent.TimeUnit.SECONDS))
            throw untried("no signal came in 6 seconds");
        return compared("the signal", name[0], a[0]);
    }

    private static String burn(String[] a) throws Exception {
        long ns = number(a[0]) * 1_000_000;
        var os = (com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean();
        while (os.getProcessCpuTime() < ns)
            for (int i = 0; i < 100_000; i++)
                Math.sqrt(i);
        return a[0] + " ms of processor time";
    }

    private static String descriptors(String[] a) throws Exception {
        List<FileInputStream> all = new ArrayList<>();
        for (long n = number(a[0]); n > 0; n--)
            all.add(new FileInputStream("/dev/null"));
        return all.size() + " made";
    }

    // ---- the network ------------------------------------------------------------------------------------------------

    private static String connect(String[] a) throws Exception {
        try (Socket s = new Socket()) {
            s.connect(new InetSocketAddress(InetAddress.getByName(a[0]), Integer.parseInt(a[1])), PATIENCE_MS);
            s.setSoTimeout(PATIENCE_MS);
            return a[0] + " said: " + shown(new String(s.getInputStream().readNBytes(64)));
        }
    }

    private static String datagram(String[] a) throws Exception {
        try (DatagramSocket s = new DatagramSocket()) {
            InetSocketAddress to = new InetSocketAddress(InetAddress.getByName(a[0]), Integer.parseInt(a[1]));
            byte[] answer = new byte[64];
            DatagramPacket p = new DatagramPacket("hello".getBytes(), 5);
            s.setSoTimeout(PATIENCE_MS);
            if (a.length > 2 && a[2].equals("sendto"))
                p.setSocketAddress(to);
            else
                s.connect(to);
            s.send(p);
            DatagramPacket got = new DatagramPacket(answer, answer.length);
            s.receive(got);
            return a[0] + " said: " + shown(new String(answer, 0, got.getLength()));
        }
    }

    private static String listen(String[] a) throws Exception {
        try (ServerSocket s = new ServerSocket()) {
            s.setReuseAddress(true);
            s.bind(new InetSocketAddress(InetAddress.getByName(a[0]), Integer.parseInt(a[1])));
            try (Socket c = new Socket(s.getInetAddress(), s.getLocalPort()); Socket p = s.accept()) {
                c.getOutputStream().write('x');
                if (p.getInputStream().read() != 'x')
                    throw hollow("it listens and cannot be reached");
            }
        }
        return "a byte came by way of " + a[0];
    }

    // ---- the table --------------------------------------------------------------------------------------------------

    private static final Map<String, Row> ROWS = new LinkedHashMap<>();

    private static void row(String name, String args, Attempt attempt) { ROWS.put(name, new Row(attempt, args)); }

    static {
        row("read", "PATH [quiet]", Attempts::read);
        row("list", "PATH [quiet]", Attempts::list);
        row("stat", "PATH", a -> (Files.readAttributes(Path.of(a[0]), "isDirectory,size").toString()));
        row("open", "PATH [r|w|rw]", Attempts::open);
        row("write", "PATH [TEXT]", put(StandardOpenOption.WRITE));
        row("append", "PATH [TEXT]", put(StandardOpenOption.WRITE, StandardOpenOption.APPEND));
        row("overwrite", "PATH [TEXT]", put(StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING));
        row("truncate", "PATH", Attempts::truncate);
        row("create", "PATH [TEXT]", put(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
        row("mkdir", "PATH", a -> made(Files.createDirectory(Path.of(a[0])).toString()));
        row("rename", "OLD NEW", Attempts::rename);
        row("read-renamed", "OLD NEW PATH", Attempts::readRenamed);
        row("unlink", "PATH", Attempts::delete);
        row("rmdir", "PATH", Attempts::delete);
        row("symlink", "TARGET PATH", a -> made(Files.createSymbolicLink(Path.of(a[1]), Path.of(a[0])).toString()));
        row("link", "OLD NEW", a -> made(Files.createLink(Path.of(a[1]), Path.of(a[0])).toString()));
        row("chmod", "PATH MODE", Attempts::changeMode);
        row("chown", "PATH UID", Attempts::changeOwner);
        row("execute", "PATH", Attempts::execute);
        row("fill", "PATH BYTES", Attempts::fill);
        row("file-size", "PATH BYTES", Attempts::fileSize);
        row("environment", "NAME [VALUE]", Attempts::environment);
        row("identity", "UID:GID[:GROUPS]", Attempts::identity);
        row("host-ids", "", Attempts::hostIds);
        row("one-id", "", Attempts::oneId);
        row("hostname", "NAME", a -> compared("the host name", word("/proc/sys/kernel/hostname"), a[0]));
        row("domainname", "NAME", a -> compared("the domain name", word("/proc/sys/kernel/domainname"), a[0]));
        row("directory", "PATH", a -> compared("the working directory", System.getProperty("user.dir"), a[0]));
        row("terminal", "", Attempts::terminal);
        row("setting", "NAME VALUE", a -> compared(a[0], word("/proc/sys/" + a[0].replace('.', '/')), a[1]));
        row("new-privileges", "", Attempts::newPrivileges);
        row("oom-score", "N", a -> compared("oom_score_adj", word("/proc/self/oom_score_adj"), a[0]));
        row("await", "SIGNAL", Attempts::await);
        row("wait", "MILLISECONDS", a -> {
            Thread.sleep(number(a[0]));
            return a[0] + " ms";
        });
        row("burn", "MILLISECONDS", Attempts::burn);
        row("idle", "MILLISECONDS", a -> {
            System.out.println("done: " + burn(a));
            Thread.sleep(30_000);
            return "idle";
        });
        row("descriptors", "N", Attempts::descriptors);
        row("connect", "HOST PORT", Attempts::connect);
        row("datagram", "HOST PORT [connect|sendto]", Attempts::datagram);
        row("resolve", "NAME", a -> a[0] + " is " + InetAddress.getByName(a[0]).getHostAddress());
        row("listen", "ADDRESS PORT", Attempts::listen);
    }

    private static int attempt(Row row, String[] args) {
        int status = 0;
        String line;
        try {
            line = "done: " + row.attempt.make(args);
        } catch (Word e) {
            status = e.status;
            line = (status == REFUSED ? "refused: " : status == HOLLOW ? "hollow: " : "untried: ") + e.getMessage();
        } catch (Exception e) {
            status = REFUSED;
            line = "refused: " + errno(e) + " " + e;
        }
        System.out.println(line.replace('\n', ' '));
        return status;
    }

    public static void main(String[] args) {
        if (args.length == 1 && args[0].equals("names")) {
            ROWS.forEach((name, row) -> System.out.println(name + "\t" + row.args));
            return;
        }
        Row row = args.length == 0 ? null : ROWS.get(args[0]);
        if (row == null) {
            System.err.println("no attempt of that name: `names` shows them");
            System.exit(USAGE);
        }
        System.exit(attempt(row, java.util.Arrays.copyOfRange(args, 1, args.length)));
    }
}
