// SPDX-License-Identifier: Apache-2.0
// What a program sees of itself: compared with what the bare java shows it.
import java.util.*;

public class Hello {
    public static void main(String[] arguments) {
        System.out.println("arguments " + String.join("|", arguments));
        for (String name : new TreeSet<>(List.of("java.class.path", "java.home", "java.version", "java.io.tmpdir", "user.dir", "sun.java.command",
            "sun.java.launcher", "file.encoding", "sun.jnu.encoding", "moat.test")))
            System.out.println(name + " " + System.getProperty(name));
        System.out.println("zone " + TimeZone.getDefault().getID());
        System.out.println("assertions " + Hello.class.desiredAssertionStatus());
    }
}
