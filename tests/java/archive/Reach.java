// SPDX-License-Identifier: Apache-2.0
// Tries to change each of the paths: writes to it, makes a file in it, moves it, removes it, links to it.
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

public class Reach {
    interface Attempt {
        void make() throws IOException;
    }

    static void attempt(String deed, Attempt a) {
        try {
            a.make();
            System.out.println("DONE " + deed);
        } catch (IOException e) {
            System.out.println("refused " + deed);
        }
    }

    public static void main(String[] paths) {
        for (String p : paths) {
            Path path = Path.of(p);
            attempt("write " + p, () -> Files.write(path, new byte[8192], StandardOpenOption.WRITE));
            attempt("make in " + p, () -> Files.write(path.resolve("planted"), new byte[8192]));
            attempt("link in " + p, () -> Files.createSymbolicLink(path.resolve("planted-link"), Path.of("/etc")));
            attempt("move " + p, () -> Files.move(path, path.resolveSibling("moved")));
            attempt("remove " + p, () -> Files.delete(path));
        }
    }
}
