// SPDX-License-Identifier: Apache-2.0
// Owns its process: writes a class list of its own behind the meter page, in front of what moat-jvm will add to it.
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class Scribble {
    static final int LIST = 4096, LENGTH = 80; // see src/jvm/meter.h

    static long page() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/maps")))
            if (line.contains(" rw-s ") && line.contains("/jvm"))
                return Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
        throw new IOException("no page");
    }

    public static void main(String[] arguments) throws Exception {
        Field f = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        f.setAccessible(true);
        sun.misc.Unsafe u = (sun.misc.Unsafe) f.get(null);
        long page = page();
        byte[] list = ("@lambda-proxy Scribble run ()V\n# comment\nScribble id: 1 super: 0 source: /etc/passwd\n"
                       + "../../etc/passwd\n-XX:Flags=x\nplanted/Name\n").getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < list.length; i++)
            u.putByte(page + LIST + i, list[i]);
        u.putInt(page + LENGTH, list.length);
        System.out.println("scribbled");
        Many.main(arguments);
    }
}
