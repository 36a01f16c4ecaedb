// SPDX-License-Identifier: Apache-2.0
/*
 * A JVM of the host, with the secret among its properties and arguments: it gives it to whoever connects by an address of
 * the host's, connects itself to a port of loopback where a probe may listen, and lives until its input ends.
 *
 *   java -Dcanary=SECRET Victim SECRET PORT     prints its facts, and an empty line
 */
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Collections;

final class Victim {
    private interface Loop {
        void once() throws Exception;
    }

    private static void forever(Loop loop, int pause) {
        Thread t = new Thread(() -> {
            while (true)
                try {
                    Thread.sleep(pause);
                    loop.once();
                } catch (Exception e) {
                    // nobody listens, or somebody went away
                }
        });
        t.setDaemon(true);
        t.start();
    }

    public static void main(String[] args) throws Exception {
        ServerSocket server = new ServerSocket(0);
        forever(() -> {
            try (Socket s = server.accept()) {
                s.getOutputStream().write(args[0].getBytes());
            }
        }, 0);
        forever(() -> new Socket(InetAddress.getByName("127.0.0.1"), Integer.parseInt(args[1])).close(), 200);
        for (NetworkInterface i : Collections.list(NetworkInterface.getNetworkInterfaces()))
            for (InetAddress a : Collections.list(i.getInetAddresses()))
                if (a instanceof Inet4Address && !a.isLoopbackAddress())
                    System.out.println("address=" + a.getHostAddress() + "\naddressport=" + server.getLocalPort());
        System.out.println("jvm=" + ProcessHandle.current().pid() + "\n");
        while (System.in.read() >= 0)
            ;
    }
}
