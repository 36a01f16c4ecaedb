// SPDX-License-Identifier: Apache-2.0
/*
 * Files outside the rules, by their own names and by others: dots, links, renames, races, every way in which the class
 * library opens a file. {granted} may be written, {granted}/denied not even read; `link` and `door` in it are the host's
 * links to the secret and its directory. Writes only into the canaries and what the test granted, and undoes it.
 */
import java.io.File;
import java.io.FileInputStream;
import java.io.RandomAccessFile;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

final class Names {
    private static final int RACES = 2000;

    private static Path granted(String name) { return Path.of(Probes.fact("granted"), name); }

    private static Path canaries() { return Path.of(Probes.fact("file")).getParent(); }

    private static String read(Path path) throws Exception { return Probes.secret(Files.readAllBytes(path)); }

    /** Makes a link, reads through it, and takes it away. */
    private static String through(Path link, Path target, String below, boolean hard) throws Exception {
        Files.deleteIfExists(link);
        if (hard)
            Files.createLink(link, target);
        else
            Files.createSymbolicLink(link, target);
        try {
            return read(below.isEmpty() ? link : link.resolve(below));
        } finally {
            Files.deleteIfExists(link);
        }
    }

    /** How many names: which, is nobody's business. */
    static String listed(Path dir) throws Exception {
        try (var names = Files.list(dir)) {
            long n = names.count();
            if (n == 0)
                throw new Probes.Held("nothing is in " + dir);
            return dir + ": " + n + " names";
        }
    }

    private static String mapped() throws Exception {
        try (FileChannel c = FileChannel.open(Path.of(Probes.fact("file")))) {
            byte[] bytes = new byte[(int) Math.min(c.size(), 4096)];
            c.map(FileChannel.MapMode.READ_ONLY, 0, bytes.length).get(bytes);
            return Probes.secret(bytes);
        }
    }

    private static String asynchronous() throws Exception {
        ByteBuffer b = ByteBuffer.allocate(4096);
        try (var c = AsynchronousFileChannel.open(Path.of(Probes.fact("file")))) {
            c.read(b, 0).get();
        }
        return Probes.secret(b.array());
    }

    private static String renamedDenied() throws Exception {
        Path denied = granted("denied"), other = granted("renamed");
        Files.move(denied, other);
        try {
            return read(other.resolve("key"));
        } finally {
            Files.move(other, denied);
        }
    }

    /** One thread exchanges a directory and a link to another; this one reads below the name. */
    private static String race(String tag, Path target, String file) throws Exception {
        Path name = granted("race-" + tag), mine = granted("mine-" + tag), link = granted("link-" + tag);
        AtomicBoolean over = new AtomicBoolean();
        Files.createDirectory(mine);
        Files.writeString(mine.resolve(file), "mine");
        Files.createSymbolicLink(link, target);
        Thread swapper = new Thread(() -> {
            while (!over.get()) {
                mine.toFile().renameTo(name.toFile());
                name.toFile().renameTo(mine.toFile());
                link.toFile().renameTo(name.toFile());
                name.toFile().renameTo(link.toFile());
            }
        });
        swapper.start();
        String seen = "never";
        try {
            for (int i = 0; i < RACES; i++) {
                try {
                    return read(name.resolve(file));
                } catch (Exception e) {
                    seen = e.toString();
                }
            }
            throw new Probes.Held(RACES + " reads, the last: " + seen);
        } finally {
            over.set(true);
            swapper.join();
            for (Path p : List.of(name, mine, link)) {
                if (!Files.isSymbolicLink(p)) // what is behind a link is not ours
                    Files.deleteIfExists(p.resolve(file));
                Files.deleteIfExists(p);
            }
        }
    }

    private static String written() throws Exception {
        Path victim = Path.of(Probes.fact("victim"));
        byte[] before = Files.readAllBytes(victim);
        Files.write(victim, "overwritten".getBytes());
        Files.write(victim, before);
        return victim + " was written";
    }

    private static String created(Path path) throws Exception {
        Files.createFile(path);
        Files.delete(path);
        return path + " was made";
    }

    private static String moved() throws Exception {
        Path victim = Path.of(Probes.fact("victim")), other = victim.resolveSibling("moved");
        Files.move(victim, other);
        Files.move(other, victim);
        return victim + " was renamed";
    }

    private static String watched() throws Exception {
        try (var w = FileSystems.getDefault().newWatchService()) {
            canaries().register(w, StandardWatchEventKinds.ENTRY_CREATE);
            return "events of " + canaries() + " can be watched";
        }
    }

    private static String classLoader() throws Exception {
        URL[] urls = {new URL("file:" + canaries() + "/")};
        try (URLClassLoader loader = new URLClassLoader(urls)) {
            return Probes.secret(loader.getResourceAsStream("secret"));
        }
    }

    /** Every class archive that is mapped here. */
    private static String archive() throws Exception {
        String last = null;
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.endsWith(".jsa"))
                last = line.substring(line.indexOf('/'));
        if (last == null)
            throw Probes.absent("no class archive is mapped");
        return Probes.opened(last, "rw");
    }

    /** The files of classes that run now: the class path is not the jar's to change. */
    private static String ownClass() throws Exception {
        Path self = Path.of(Probes.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        return Probes.opened((Files.isDirectory(self) ? self.resolve("Probes.class") : self).toString(), "rw");
    }

    private static Path classPath() { return Path.of(System.getProperty("java.class.path").split(File.pathSeparator)[0]); }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "names");
        t.row("file-stream", "token", "FileInputStream", () -> Probes.secret(new FileInputStream(Probes.fact("file"))));
        t.row("file-random-access", "token", "RandomAccessFile", () -> {
                try (var f = new RandomAccessFile(Probes.fact("file"), "r")) { return Probes.secret(f.readLine()); }
            });
        t.row("file-mapped", "token", "FileChannel.map", Names::mapped);
        t.row("file-asynchronous", "token", "AsynchronousFileChannel", Names::asynchronous);
        t.row("file-url", "token", "a file: URL", () -> Probes.secret(new URL("file:" + Probes.fact("file")).openStream()));
        t.row("file-class-loader", "token", "a URLClassLoader's resource", Names::classLoader);
        t.row("file-stat", "-", "asks whether the secret file is there", () -> {
                if (!Files.exists(Path.of(Probes.fact("file")))) throw new Probes.Held("it is not there");
                return "it is there, of " + Files.size(Path.of(Probes.fact("file"))) + " bytes";
            });
        t.row("dot-dot-granted", "token", "granted/../..", () -> read(granted("../canaries/secret")));
        t.row("dot-dot-class-path", "token", "class path, .. to the root", () ->
                read(Path.of(classPath().toAbsolutePath() + "/../../../../../../../.." + Probes.fact("file"))));
        t.row("dot-dot-working-directory", "token", ".. to the root", () ->
                Probes.secret(new FileInputStream("../../../../../../../../.." + Probes.fact("file"))));
        t.row("symlink-planted", "token", "a link of the host's in what is granted", () -> read(granted("link")));
        t.row("symlink-planted-directory", "token", "the same, to a directory", () -> read(granted("door/secret")));
        t.row("symlink-made", "token", "a link that it makes", () -> through(granted("l"), Path.of(Probes.fact("file")), "", false));
        t.row("symlink-made-directory", "token", "a link to the directory", () -> through(granted("l"), canaries(), "secret", false));
        t.row("symlink-made-in-tmp", "token", "a link in /tmp", () -> through(Path.of("/tmp/moat-probe-link"), Path.of(Probes.fact("file")), "", false));
        t.row("symlink-made-to-denied", "token", "a link to what is denied", () -> through(granted("l"), granted("denied"), "key", false));
        t.row("hard-link", "token", "a hard link to the secret", () -> through(granted("h"), Path.of(Probes.fact("file")), "", true));
        t.row("hard-link-to-denied", "token", "a hard link to what is denied", () -> through(granted("h"), granted("denied/key"), "", true));
        t.row("denied-read", "token", "what is denied in what is granted", () -> read(granted("denied/key")));
        t.row("denied-dot-dot", "token", "the same by sub/..", () -> read(granted("sub/../denied/key")));
        t.row("denied-list", "-", "lists what is denied", () -> listed(granted("denied")));
        t.row("denied-create", "-", "makes a file in it", () -> created(granted("denied/new")));
        t.row("denied-renamed", "token", "renames it and reads", Names::renamedDenied);
        t.row("race-outside", "token", "a directory and a link to the canaries change places", () -> race("outside", canaries(), "secret"));
        t.row("race-denied", "token", "the same, with what is denied", () -> race("denied", granted("denied"), "key"));
        t.row("outside-list", "-", "lists the canaries' directory", () -> listed(canaries()));
        t.row("outside-write", "-", "writes a file there", Names::written);
        t.row("outside-create", "-", "makes a file there", () -> created(canaries().resolve("made")));
        t.row("outside-rename", "-", "renames one", Names::moved);
        t.row("outside-watch", "-", "watches the directory", Names::watched);
        t.row("temporary-file", "token", "the host's /tmp", () -> read(Path.of(Probes.fact("tmpfile"))));
        t.row("shared-memory-file", "token", "the host's /dev/shm", () -> read(Path.of(Probes.fact("devshm"))));
        t.row("home", "-", "lists the caller's home", () -> listed(Path.of(Probes.fact("home"))));
        t.row("home-property", "-", "lists user.home, where that is the caller's", () -> {
                if (!System.getProperty("user.home").equals(Probes.fact("home"))) throw new Probes.Held("it is " + System.getProperty("user.home"));
                return listed(Path.of(System.getProperty("user.home")));
            });
        t.row("shadow", "root", "/etc/shadow", () -> Probes.opened("/etc/shadow", "r"));
        t.row("host-programs", "-", "lists /usr/bin", () -> listed(Path.of("/usr/bin")));
        t.row("host-logs", "-", "lists /var/log", () -> listed(Path.of("/var/log")));
        t.row("sandbox-state", "token", "the state of moat's sandboxes", () -> read(Path.of(Probes.fact("state"))));
        t.row("class-write", "-", "opens its own class file for writing", Names::ownClass);
        t.row("class-path-create", "-", "makes a file in the class path", () -> created(classPath().resolve("Made.class")));
        t.row("manifest-class-path", "jar,token", "a directory that the jar's manifest names", () ->
            Probes.secret(Names.class.getClassLoader().getResourceAsStream("secret")));
        t.row("archive-write", "root", "opens the class archive for writing", Names::archive);
        t.row("jdk-write", "root", "opens libjvm.so for writing", () -> Probes.opened(System.getProperty("java.home") + "/lib/server/libjvm.so", "rw"));
    }
}
