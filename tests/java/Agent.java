// SPDX-License-Identifier: Apache-2.0
// A Java agent that says that it was there.
import java.lang.instrument.Instrumentation;

public class Agent {
    public static void premain(String arguments, Instrumentation machine) {
        System.out.println("agent " + arguments + " " + (machine.getAllLoadedClasses().length > 0));
    }
}
