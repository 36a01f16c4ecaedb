/* SPDX-License-Identifier: Apache-2.0 */
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server of the JDK on a port that the kernel chooses, asked by both of the JDK's clients. Ends with status 7. */
public class Server {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("localhost"), 0), 0);
        ExecutorService workers = Executors.newFixedThreadPool(4);
        server.setExecutor(workers);
        server.createContext("/", exchange -> {
            byte[] asked = exchange.getRequestBody().readAllBytes();
            byte[] answer = (exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + asked.length).getBytes();
            exchange.sendResponseHeaders(exchange.getRequestURI().getPath().equals("/none") ? 404 : 200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        String base = "http://localhost:" + server.getAddress().getPort();
        HttpClient client = HttpClient.newHttpClient();
        for (String path : new String[] {"/a?b=c", "/none"})
            say(client.send(HttpRequest.newBuilder(URI.create(base + path)).build(), HttpResponse.BodyHandlers.ofString()));
        say(client.sendAsync(HttpRequest.newBuilder(URI.create(base + "/post"))
                                     .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[300000])).build(),
                             HttpResponse.BodyHandlers.ofString()).get());
        System.out.println(new String(URI.create(base + "/old").toURL().openStream().readAllBytes()));
        server.stop(0);
        System.exit(7);
    }

    private static void say(HttpResponse<String> answer) {
        System.out.println(answer.statusCode() + " " + answer.version() + " " + answer.body());
    }
}
