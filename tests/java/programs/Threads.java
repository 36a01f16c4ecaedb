/* SPDX-License-Identifier: Apache-2.0 */
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.RecursiveTask;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;

/** What programs do with threads: pools, futures, parallel streams, hand-over. */
public class Threads {
    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(64);
        ConcurrentHashMap<Integer, Integer> counts = new ConcurrentHashMap<>();
        for (int i = 0; i < 2000; i++) {
            int key = i % 97;
            pool.submit(() -> { counts.merge(key, 1, Integer::sum); LockSupport.parkNanos(1000); });
        }
        pool.shutdown();
        System.out.println(pool.awaitTermination(60, TimeUnit.SECONDS) + " " + counts.size() + " " +
                           counts.values().stream().mapToInt(n -> n).sum());
        System.out.println(LongStream.range(0, 1000000).parallel().map(n -> n * 3).sum());
        System.out.println(CompletableFuture.supplyAsync(() -> 20)
                                   .thenCombine(CompletableFuture.supplyAsync(() -> 22), Integer::sum).get());
        SynchronousQueue<String> queue = new SynchronousQueue<>();
        Thread taker = new Thread(() -> {
            try {
                System.out.println(queue.take());
            } catch (InterruptedException interrupted) {
                System.out.println("interrupted");
            }
        });
        taker.start();
        while (!queue.offer("handed over")) // not before there is a taker
            Thread.onSpinWait();
        taker.join();
        System.out.println(ForkJoinPool.commonPool().invoke(new Sum(1, 10000)));
    }

    private static class Sum extends RecursiveTask<Long> {
        private final long from, to;

        Sum(long from, long to) {
            this.from = from;
            this.to = to;
        }

        @Override
        protected Long compute() {
            if (to - from < 100)
                return LongStream.rangeClosed(from, to).sum();
            long middle = (from + to) / 2;
            Sum left = new Sum(from, middle), right = new Sum(middle + 1, to);
            left.fork();
            return right.compute() + left.join();
        }
    }
}
