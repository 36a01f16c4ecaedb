// SPDX-License-Identifier: Apache-2.0
// Runs into the limit that the first argument names.
import java.nio.ByteBuffer;
import java.util.*;

public class Bomb {
    static final List<Object> kept = new ArrayList<>();

    static class Loader extends ClassLoader {
        Loader() {
            super(null);
        }

        Class<?> define(byte[] code) {
            return defineClass(null, code, 0, code.length);
        }
    }

    public static void main(String[] a) throws Exception {
        switch (a[0]) {
        case "heap":
            for (;;)
                kept.add(new byte[1 << 20]);
        case "direct":
            for (;;)
                kept.add(ByteBuffer.allocateDirect(1 << 20));
        case "classes":
            byte[] code = Bomb.class.getResourceAsStream("Hello.class").readAllBytes();
            for (;;)
                kept.add(new Loader().define(code));
        case "threads":
            for (;;) {
                Thread t = new Thread(() -> {
                    try {
                        Thread.sleep(1 << 30);
                    } catch (InterruptedException e) {
                        return;
                    }
                });
                t.setDaemon(true);
                t.start();
            }
        case "time":
            for (long n = 0;; n++)
                if (n == Long.MAX_VALUE)
                    System.out.println(n);
        case "swallow":
            for (;;)
                try {
                    for (;;)
                        kept.add(new byte[1 << 20]);
                } catch (Throwable t) {
                    continue;
                }
        }
    }
}
