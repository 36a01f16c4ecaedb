// SPDX-License-Identifier: Apache-2.0
// Programs of jvm_engine.bats, one class each.
import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;

class Hello {
    public static void main(String[] args) {
        System.out.println("hello");
        for (String s : args) System.out.println("[" + s + "]");
    }
}

class Properties {
    public static void main(String[] args) {
        new TreeMap<Object, Object>(System.getProperties()).forEach((k, v) -> System.out.println(k + "=" + v));
        System.out.println(Thread.currentThread());
        System.out.println(Thread.currentThread().getStackTrace()[1]);
        System.out.println(System.getenv("MOAT_HANDED_FD"));
    }
}

class Exits {
    public static void main(String[] args) { System.exit(Integer.parseInt(args[0])); }
}

class Throws {
    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            Thread t = new Thread(() -> {
                try {
                    Thread.sleep(300);
                } catch (InterruptedException e) {
                }
                System.out.println("the other thread has ended");
            });
            t.start();
        }
        try {
            Object[] none = {};
            none[3] = "x";
        } catch (ArrayIndexOutOfBoundsException e) {
            throw new IllegalStateException("of our own", e);
        }
    }
}

class ThrowsElsewhere {
    public static void main(String[] args) throws Exception {
        Thread t = new Thread(() -> { throw new RuntimeException("not in main"); });
        t.start();
        t.join();
        System.out.println("main goes on");
    }
}

class NoMain {
}

// A daemon does not keep the machine up, another thread does.
class Threads {
    public static void main(String[] args) throws Exception {
        Thread daemon = new Thread(() -> { for (;;) Thread.yield(); });
        daemon.setDaemon(true);
        daemon.start();
        Thread[] all = new Thread[8];
        int[] sum = {0};
        for (int i = 0; i < all.length; i++) {
            all[i] = new Thread(() -> { synchronized (sum) { sum[0]++; } });
            all[i].start();
        }
        for (Thread t : all) t.join();
        System.out.println("threads: " + sum[0]);
    }
}

class Starts {
    public static void main(String[] args) throws Exception {
        try {
            System.out.println(new String(new ProcessBuilder(args).start().getInputStream().readAllBytes()).trim());
        } catch (IOException e) {
            System.out.println(e.getClass().getName() + ": " + e.getMessage());
        }
    }
}

// VERB PATH...: what comes of it, in a line.
class Does {
    interface Deed { void run() throws Throwable; }

    static void attempt(Deed d) {
        try {
            d.run();
            System.out.println("done");
        } catch (Throwable e) {
            System.out.println(e.getClass().getName() + ": " + e.getMessage());
        }
    }

    public static void main(String[] args) {
        for (int i = 1; i < args.length; i++) {
            String a = args[i];
            attempt(() -> {
                switch (args[0]) {
                case "stream": new FileInputStream(a).close(); break;
                case "read": Files.readAllBytes(Path.of(a)); break;
                case "write": Files.write(Path.of(a), new byte[1], StandardOpenOption.WRITE); break;
                case "create": new FileOutputStream(a).close(); break;
                case "mkdir": Files.createDirectory(Path.of(a)); break;
                case "list": Files.newDirectoryStream(Path.of(a)).close(); break;
                case "exists": if (!Files.exists(Path.of(a))) throw new NoSuchFileException(a); break;
                case "load": System.load(a); break;
                case "loadLibrary": System.loadLibrary(a); break;
                case "look-up": InetAddress.getByName(a); break;
                case "connect": new Socket().connect(new InetSocketAddress(InetAddress.getByName(a), 443), 2000); break;
                case "channel": SocketChannel.open(new InetSocketAddress(InetAddress.getByName(a), 443)).close(); break;
                case "rename": Files.move(Path.of(a), Path.of(a + ".moved")); break;
                case "delete": new File(a).delete(); break;
                default: throw new IllegalArgumentException(args[0]);
                }
            });
        }
    }
}

class Exhausts {
    static Object[] kept = new Object[1 << 16];

    static void heap() { for (int i = 0;; i++) kept[i % kept.length] = new byte[1 << 20]; }

    static void direct() { for (int i = 0;; i++) kept[i] = ByteBuffer.allocateDirect(1 << 20); }

    static void classes() throws Exception {
        byte[] of = Exhausts.class.getResourceAsStream("NoMain.class").readAllBytes();
        for (int i = 0;; i++) {
            ClassLoader one = new ClassLoader(null) {
                protected Class<?> findClass(String n) { return defineClass("NoMain", of, 0, of.length); }
            };
            kept[i] = one.loadClass("NoMain");
        }
    }

    static void threads() throws Exception {
        for (;;) {
            Thread t = new Thread(() -> {
                try {
                    Thread.sleep(3600000);
                } catch (InterruptedException e) {
                }
            });
            t.setDaemon(true);
            t.start();
        }
    }

    static class Fails {
        static { heap(); }
    }

    public static void main(String[] args) throws Throwable {
        switch (args[0]) {
        case "heap": heap(); break;
        case "init": new Fails(); break;
        case "caught":
            try {
                heap();
            } catch (OutOfMemoryError e) {
                kept = null;
            }
            break;
        case "direct": direct(); break;
        case "classes": classes(); break;
        case "threads": threads(); break;
        case "own": throw new OutOfMemoryError("of our own");
        default: throw new IllegalArgumentException(args[0]);
        }
        System.out.println("goes on");
    }
}

// MIB STATUS BURST: takes memory, says "ready", and waits; takes BURST MiB more, and gives all back, for each byte of input.
class Waits {
    static List<byte[]> kept = new ArrayList<>();

    static void take(int n) { for (int i = 0; i < n; i++) kept.add(new byte[1 << 20]); }

    public static void main(String[] args) throws Exception {
        take(Integer.parseInt(args[0]));
        System.gc();
        for (;;) {
            System.out.println("ready");
            System.out.flush();
            if (System.in.read() < 0) break;
            try {
                take(Integer.parseInt(args[2]));
            } catch (OutOfMemoryError e) {
                kept.clear();
            }
        }
        System.exit(Integer.parseInt(args[1]));
    }
}
