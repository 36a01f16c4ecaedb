/* SPDX-License-Identifier: Apache-2.0 */
package small;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What a compiler is given: generics, lambdas, inner and sealed types, records; and a raw type, to be warned of. */
public class Small<T extends Comparable<T>> {
    sealed interface Shape permits Circle, Square {}
    record Circle(double radius) implements Shape {}
    record Square(double side) implements Shape {}

    private final List<T> kept = new ArrayList<>();

    @SafeVarargs
    final Small<T> with(T... more) {
        for (T one : more)
            kept.add(one);
        return this;
    }

    <R> String joined(Function<? super T, R> each) {
        return kept.stream().sorted().map(each).map(Object::toString).collect(Collectors.joining(","));
    }

    static int unused() {
        List raw = new ArrayList();
        return raw.size();
    }

    public static void main(String[] arguments) {
        System.out.println(new Small<String>().with(arguments).joined(String::length));
        Shape shape = new Circle(2);
        if (shape instanceof Circle circle)
            System.out.println(circle);
    }
}
