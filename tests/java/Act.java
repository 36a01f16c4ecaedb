// SPDX-License-Identifier: Apache-2.0
// One thing, as the first argument says.
import java.net.*;
import java.nio.file.*;

public class Act {
    public static void main(String[] a) throws Exception {
        switch (a[0]) {
        case "exit" -> System.exit(Integer.parseInt(a[1]));
        case "throw" -> throw new IllegalStateException(a[1]);
        case "stdin" -> System.in.transferTo(System.out);
        case "environment" -> System.getenv().forEach((k, v) -> System.out.println(k + "=" + v));
        case "read" -> System.out.print(Files.readString(Path.of(a[1])));
        case "write" -> Files.writeString(Path.of(a[1]), "written\n");
        case "list" -> System.out.println(String.join(" ", new java.io.File(a[1]).list()));
        case "exists" -> System.out.println(Files.exists(Path.of(a[1])));
        case "connect" -> new Socket(a[1], Integer.parseInt(a[2])).close();
        case "run" -> System.exit(new ProcessBuilder(java.util.Arrays.copyOfRange(a, 1, a.length)).inheritIO().start().waitFor());
        case "load" -> { // where it is, or copied to a place of the program's choice first
            if (a.length > 2) Files.copy(Path.of(a[1]), Path.of(a[2]));
            System.load(a[a.length - 1]);
            System.out.println("loaded");
        }
        case "descriptors" -> { // without the one that reads the directory
            for (String name : new java.io.File("/proc/self/fd").list())
                try {
                    System.out.println(name + " " + Files.readSymbolicLink(Path.of("/proc/self/fd/" + name)));
                } catch (NoSuchFileException e) {
                    continue;
                }
        }
        case "wait" -> {
            System.out.println("up");
            while (!Files.exists(Path.of(a[1])))
                Thread.sleep(20);
        }
        case "processors" -> System.out.println(Runtime.getRuntime().availableProcessors());
        case "heap" -> System.out.println(Runtime.getRuntime().maxMemory() >> 20);
        default -> throw new IllegalArgumentException(a[0]);
        }
    }
}
