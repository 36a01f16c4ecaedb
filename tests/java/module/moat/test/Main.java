// SPDX-License-Identifier: Apache-2.0
package moat.test;

public class Main {
    public static void main(String[] arguments) {
        System.out.println("module " + Main.class.getModule().getName() + " " + String.join("|", arguments));
    }
}
