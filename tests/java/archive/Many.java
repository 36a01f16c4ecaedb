// SPDX-License-Identifier: Apache-2.0
// Loads many classes, and stays where it is told to, in milliseconds. MANY is how many there are: many.C0 ...
import java.util.Arrays;

public class Many {
    public static void main(String[] arguments) throws Exception {
        int n = Integer.getInteger("many", 300);
        for (int i = 0; i < n; i++)
            Class.forName("many.C" + i);
        Thread.sleep(Long.getLong("stay", 0));
        System.out.println(n + " classes " + Arrays.toString(arguments));
    }
}
