// SPDX-License-Identifier: Apache-2.0
/* The host's sockets and its network: connections, datagrams, local sockets, listening where the host sees it. */
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.MulticastSocket;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.util.Collections;
import java.util.List;

final class Net {
    private static final int WAIT_MS = 2000;

    private static String tcp(String host, int port) throws Exception {
        try (Socket s = new Socket()) {
            s.connect(new InetSocketAddress(host, port), WAIT_MS);
            s.setSoTimeout(WAIT_MS);
            return Probes.secret(s.getInputStream());
        }
    }

    private static String channel() throws Exception {
        try (SocketChannel c = SocketChannel.open(new InetSocketAddress("127.0.0.1", Probes.number("tcp")))) {
            return Probes.secret(Channels.newInputStream(c));
        }
    }

    private static String local(String path) throws Exception {
        try (SocketChannel c = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            c.connect(UnixDomainSocketAddress.of(path));
            return Probes.secret(Channels.newInputStream(c));
        }
    }

    private static String datagram() throws Exception {
        try (DatagramSocket s = new DatagramSocket()) {
            byte[] b = new byte[64];
            s.setSoTimeout(WAIT_MS);
            s.send(new DatagramPacket("x".getBytes(), 1, InetAddress.getByName("127.0.0.1"), Probes.number("udp")));
            s.receive(new DatagramPacket(b, b.length));
            return Probes.secret(b);
        }
    }

    /** The canaries speak no HTTP: what they say is in the complaint. */
    private static String http() throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + Probes.fact("tcp") + "/");
        try {
            return Probes.secret(HttpClient.newHttpClient().send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString()).body());
        } catch (java.io.IOException e) {
            return Probes.secret(e.toString());
        }
    }

    /** The test connects from the host as long as the table runs. */
    private static String listen() throws Exception {
        try (ServerSocket s = new ServerSocket(Probes.number("listen"))) {
            s.setSoTimeout(WAIT_MS);
            try (Socket from = s.accept()) {
                return "the host was heard from " + from.getRemoteSocketAddress();
            }
        }
    }

    private static String listenLocal() throws Exception {
        var path = UnixDomainSocketAddress.of(Probes.fact("file") + ".socket");
        try (var s = java.nio.channels.ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            s.bind(path);
            java.nio.file.Files.delete(path.getPath());
            return "a socket was made at " + path;
        }
    }

    private static String interfaces() throws Exception {
        for (NetworkInterface i : Collections.list(NetworkInterface.getNetworkInterfaces()))
            if (i.getName().equals(Probes.fact("link")))
                return i.getName() + " " + Collections.list(i.getInetAddresses());
        throw new Probes.Held("no such interface");
    }

    private static String multicast() throws Exception {
        NetworkInterface link = NetworkInterface.getByName(Probes.fact("link"));
        if (link == null)
            throw new Probes.Held("no such interface");
        try (MulticastSocket s = new MulticastSocket()) {
            s.joinGroup(new InetSocketAddress("224.0.0.251", 0), link);
            return "joined on " + link.getName();
        }
    }

    static void add(List<Probes.Probe> rows) {
        var t = new Probes.Table(rows, "net");
        t.row("tcp-loopback", "token", "a service of the host's loopback", () -> tcp("127.0.0.1", Probes.number("tcp")));
        t.row("tcp-loopback-6", "token", "the same by IPv6", () -> tcp("::1", Probes.number("tcp6")));
        t.row("tcp-any", "token", "the same by 0.0.0.0", () -> tcp("0.0.0.0", Probes.number("tcp")));
        t.row("tcp-mapped", "token", "the same by ::ffff:127.0.0.1", () -> tcp("::ffff:127.0.0.1", Probes.number("tcp")));
        t.row("tcp-channel", "token", "the same by a channel", Net::channel);
        t.row("tcp-http", "token", "the same by the HTTP client", Net::http);
        t.row("tcp-address", "token", "a service on an address of the host's", () -> tcp(Probes.fact("address"), Probes.number("addressport")));
        t.row("udp-loopback", "token,waits", "a datagram to the host's loopback", Net::datagram);
        t.row("local-socket", "token", "a local socket with a path", () -> local(Probes.fact("socket")));
        t.row("local-socket-root", "token", "the same by /proc/self/root", () -> local("/proc/self/root" + Probes.fact("socket")));
        t.row("local-socket-made", "-", "makes one outside", Net::listenLocal);
        t.row("listen", "waits", "listens; the host connects", Net::listen);
        t.row("interfaces", "-", "the host's interface and its addresses", Net::interfaces);
        t.row("multicast", "-", "joins a group on it", Net::multicast);
    }
}
