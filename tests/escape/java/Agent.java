// SPDX-License-Identifier: Apache-2.0
/* The agent that a jar's manifest names: it is started before main, and does nothing. */
import java.lang.instrument.Instrumentation;

final class Agent {
    private Agent() {}

    public static void agentmain(String options, Instrumentation instrumentation) {}
}
