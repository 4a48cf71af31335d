// SPDX-License-Identifier: MIT
import com.sun.management.GarbageCollectionNotificationInfo;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import javax.management.NotificationEmitter;
import javax.management.openmbean.CompositeData;

/**
 * W11 of bench/latency.h. A String is made of the bytes within the time that is taken: a program in
 * Java that reads text does the same.
 */
final class Latency {
    /** Each power of two has so many classes. */
    private static final int STEPS = 32;

    private static final int SIZE = 24;

    /** Of a fixed size, so that recording allocates nothing. */
    private static final class Histogram {
        final long[] counts = new long[60 * STEPS];
        long total;
        long longest;

        void record(long ns) {
            int at = (int) ns;
            if (ns >= STEPS) {
                int shift = 58 - Long.numberOfLeadingZeros(ns);
                at = (shift + 1) * STEPS + (int) (ns >> shift) % STEPS;
            }
            counts[Math.min(at, counts.length - 1)]++;
            total++;
            longest = Math.max(longest, ns);
        }

        /** The end of the class in which that share of all is reached. */
        long quantile(double share) {
            double seen = 0;
            for (int at = 0; at < counts.length; at++) {
                seen += counts[at];
                if (seen > 0 && seen >= share * total) {
                    int shift = at / STEPS - 1;
                    long end = at < STEPS ? at : ((long) (STEPS + at % STEPS + 1) << shift) - 1;
                    return Math.min(end, longest);
                }
            }
            return longest;
        }
    }

    private static volatile Object sink;

    private final String peer;
    private final UnaryOperator<String> interner;
    private final String[] kept;
    private final byte[] text = new byte[SIZE];
    private final byte[] fresh = "churnAa00000000000000000".getBytes(StandardCharsets.ISO_8859_1);
    private Histogram hits = new Histogram();
    private Histogram news = new Histogram();
    private long random = 1;
    private long cost;
    private volatile boolean counting;
    private volatile long pauses;
    private volatile long longestPauseMs;

    Latency(String peer, UnaryOperator<String> interner, int held) {
        this.peer = peer;
        this.interner = interner;
        kept = new String[held];
    }

    private void heldText(long number) {
        text[0] = 'h';
        text[1] = 'e';
        text[2] = 'l';
        text[3] = 'd';
        for (int digit = SIZE - 1; digit >= 4; digit--, number /= 10) {
            text[digit] = (byte) ('0' + number % 10);
        }
    }

    /** The random sequence of the C harness. */
    private long next() {
        long value = random += 0x9e3779b97f4a7c15L;
        value = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
        value = (value ^ value >>> 27) * 0x94d049bb133111ebL;
        return value ^ value >>> 31;
    }

    private static String string(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static long clockCost() {
        Histogram empty = new Histogram();
        for (int round = 0; round < 500_000; round++) {
            if (round == 400_000) {
                empty = new Histogram(); // compiled by now
            }
            long began = System.nanoTime();
            empty.record(System.nanoTime() - began);
        }
        return empty.quantile(0.5);
    }

    private long timed(byte[] bytes) {
        long began = System.nanoTime();
        sink = interner.apply(string(bytes));
        return Math.max(0, System.nanoTime() - began - cost);
    }

    private void loop(double seconds) {
        long began = System.nanoTime();
        while (System.nanoTime() - began < seconds * 1e9) {
            for (int i = 0; i < 9; i++) {
                heldText(Long.remainderUnsigned(next(), kept.length));
                hits.record(timed(text));
            }
            Interners.step(fresh);
            news.record(timed(fresh));
        }
    }

    /** The pauses of G1 and ZGC, each told after it: G1's collections stop, and ZGC's "Pauses" do. */
    private void watchPauses() {
        for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
            if (bean.getName().endsWith("Cycles")) {
                continue; // they run beside the program
            }
            ((NotificationEmitter) bean).addNotificationListener((notification, handback) -> {
                if (counting) {
                    CompositeData data = (CompositeData) notification.getUserData();
                    long took = GarbageCollectionNotificationInfo.from(data).getGcInfo().getDuration();
                    pauses++; // one thread of the JVM calls all listeners
                    longestPauseMs = Math.max(longestPauseMs, took);
                }
            }, null, null);
        }
    }

    private void line(String variant, Histogram times) {
        System.out.printf("{\"peer\": \"%s\", \"workload\": \"W11\", \"variant\": \"%s\", \"held\": %d, "
                        + "\"operations\": %d, \"clock_ns\": %d, \"p50_ns\": %d, \"p99_ns\": %d, \"p999_ns\": %d, "
                        + "\"p9999_ns\": %d, \"longest_ns\": %d}%n",
                peer, variant, kept.length, times.total, cost, times.quantile(0.5), times.quantile(0.99),
                times.quantile(0.999), times.quantile(0.9999), times.longest);
    }

    /** A fifth of the time warms up and is not counted, but two seconds at least: the compiler takes them. */
    void run(double seconds) {
        watchPauses();
        for (int i = 0; i < kept.length; i++) {
            heldText(i);
            kept[i] = interner.apply(string(text));
        }
        cost = clockCost();
        loop(Math.max(2, seconds * 0.2));
        hits = new Histogram();
        news = new Histogram();
        counting = true;
        loop(seconds * 0.8);
        counting = false;
        line("hit", hits);
        line("new", news);
        System.out.printf("{\"peer\": \"%s\", \"workload\": \"W11\", \"variant\": \"stops\", \"stops\": %d, "
                        + "\"longest_ns\": %d}%n", peer, pauses, longestPauseMs * 1_000_000);
    }
}
