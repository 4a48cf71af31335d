// SPDX-License-Identifier: MIT
import com.google.common.collect.Interner;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;

/**
 * Guava's weak interner and String.intern: the same workloads and JSON lines as the C harness.
 *
 * <p>A String caches its hash, so each timed pass gets Strings made anew from the bytes, before its
 * clock starts: a program that reads text pays for the hash too. A pass over another interner warms
 * the compiler up first.
 */
public final class Interners {
    private static final int FRESH_SIZE = 24;

    /** The corpus as bytes and places; Strings are made from it as needed. */
    private static final class Text {
        final byte[] bytes;
        final int[] starts;
        final int[] ends;
        final int count;

        Text(Path path) throws IOException {
            bytes = Files.readAllBytes(path);
            int lines = 1;
            for (byte b : bytes) {
                lines += b == '\n' ? 1 : 0;
            }
            starts = new int[lines];
            ends = new int[lines];
            int tokens = 0;
            int start = 0;
            for (int at = 0; at <= bytes.length; at++) {
                if (at == bytes.length || bytes[at] == '\n') {
                    if (at > start) { // empty lines are no tokens
                        starts[tokens] = start;
                        ends[tokens++] = at;
                    }
                    start = at + 1;
                }
            }
            count = tokens;
        }

        String token(int i) {
            return new String(bytes, starts[i], ends[i] - starts[i], StandardCharsets.ISO_8859_1);
        }

        String[] strings() {
            String[] strings = new String[count];
            for (int i = 0; i < count; i++) {
                strings[i] = token(i);
            }
            return strings;
        }

        long rawBytes() {
            long sum = 0;
            for (int i = 0; i < count; i++) {
                sum += ends[i] - starts[i];
            }
            return sum;
        }
    }

    /** Keeps the loops' results from being optimised away. */
    private static volatile Object sink;

    private final String peer;
    private final UnaryOperator<String> interner;
    private final List<String> workloads;
    private final Text stream;
    private final Text shuffled;
    private final byte[] first;
    private String[] kept;

    private Interners(String peer, Path corpus, List<String> workloads) throws IOException {
        this.peer = peer;
        this.workloads = workloads;
        interner = newInterner(peer);
        stream = new Text(corpus);
        shuffled = new Text(Path.of(corpus + ".shuffled"));
        first = Files.readAllBytes(Path.of(corpus + ".first"));
        if (first.length != stream.count) {
            throw new IOException("what was prepared beside the corpus does not match it");
        }
        kept = new String[shuffled.count];
    }

    private static UnaryOperator<String> newInterner(String peer) {
        if (peer.equals("string-intern")) {
            return String::intern;
        }
        Interner<String> weak = com.google.common.collect.Interners.newWeakInterner();
        return weak::intern;
    }

    private boolean wants(String workload) {
        return workloads.isEmpty() || workloads.contains(workload);
    }

    private void line(String workload, String format, Object... values) {
        System.out.printf(
                "{\"peer\": \"%s\", \"workload\": \"%s\", %s}%n", peer, workload, String.format(format, values));
    }

    private void wrong(String message) {
        System.err.println("wrong: " + peer + ": " + message);
        System.exit(1);
    }

    private static double residentBytes() throws IOException {
        return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096.0;
    }

    private static double heapBytes() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static double collectionMs() {
        double[] times = new double[5];
        for (int i = 0; i < times.length; i++) {
            long began = System.nanoTime();
            System.gc();
            times[i] = (System.nanoTime() - began) / 1e6;
        }
        Arrays.sort(times);
        return times[times.length / 2];
    }

    /** Compiles the loops by running them on values of their own. */
    private void warmUp() {
        UnaryOperator<String> other = newInterner(peer);
        for (int round = 0; round < 5; round++) {
            String[] strings = new String[100_000];
            for (int i = 0; i < strings.length; i++) {
                strings[i] = "warm" + i % 20_000;
            }
            pass(other, strings, 0);
        }
    }

    private static long pass(UnaryOperator<String> interner, String[] strings, int from) {
        long began = System.nanoTime();
        String last = null;
        for (int i = from; i < strings.length; i++) {
            last = interner.apply(strings[i]);
        }
        for (int i = 0; i < from; i++) {
            last = interner.apply(strings[i]);
        }
        long took = System.nanoTime() - began;
        sink = last;
        return took;
    }

    /** Of the Strings made for the pass only the canonical ones outlive it. */
    private void build() throws IOException {
        System.gc();
        double heap = heapBytes();
        String[] strings = stream.strings();
        int slot = 0;
        long began = System.nanoTime();
        for (int i = 0; i < strings.length; i++) {
            String canonical = interner.apply(strings[i]);
            if (first[i] != 0) {
                kept[slot++] = canonical;
            } else {
                sink = canonical;
            }
        }
        double took = System.nanoTime() - began;
        strings = null;
        System.gc();
        line("W1", "\"ns_per_op\": %.3f, \"operations\": %d, \"distinct\": %d", took / stream.count, stream.count, slot);
        if (wants("W5")) {
            // The resident size of a JVM tells how large its heap was allowed to grow, nothing
            // else; String.intern's own table lies outside the heap and is not counted.
            line("W5", "\"heap_bytes_per_value\": %.3f", (heapBytes() - heap - shuffled.rawBytes()) / shuffled.count);
        }
    }

    private void check() {
        int slot = 0;
        for (int i = 0; i < stream.count; i++) {
            if (first[i] != 0) {
                String token = stream.token(i);
                if (!kept[slot].equals(token) || interner.apply(token) != kept[slot]) {
                    wrong("a value has two canonical objects, or another value's");
                }
                slot++;
            }
        }
        if (slot != shuffled.count) {
            wrong("the number of distinct values");
        }
    }

    private void hits(String workload, Text text) {
        double took = pass(interner, text.strings(), 0);
        line(workload, "\"ns_per_op\": %.3f, \"operations\": %d", took / text.count, text.count);
    }

    private void runThreads(int threads) throws InterruptedException {
        long[] times = new long[threads];
        CountDownLatch ready = new CountDownLatch(threads);
        CountDownLatch start = new CountDownLatch(1);
        Thread[] workers = new Thread[threads];
        for (int index = 0; index < threads; index++) {
            int self = index;
            workers[index] = new Thread(() -> {
                String[] strings = stream.strings();
                ready.countDown();
                awaitQuietly(start);
                times[self] = pass(interner, strings, stream.count / threads * self);
            });
            workers[index].start();
        }
        ready.await();
        System.gc(); // so that none is due for the Strings made just now
        start.countDown();
        for (Thread worker : workers) {
            worker.join();
        }
        double mean = Arrays.stream(times).average().orElse(0) / stream.count;
        double longest = Arrays.stream(times).max().orElse(0);
        line("W4", "\"ns_per_op\": %.3f, \"operations\": %d, \"threads\": %d, \"million_ops_per_second\": %.3f",
                mean, stream.count, threads, (double) stream.count * threads / longest * 1e3);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void pause(double bareMs) {
        double took = collectionMs();
        line("W7", "\"collect_ms\": %.3f, \"bare_ms\": %.3f, \"extra_ms\": %.3f", took, bareMs, took - bareMs);
    }

    private double bareHeap() {
        String[] values = shuffled.strings();
        double took = collectionMs();
        sink = values;
        sink = null;
        return took;
    }

    /** Collects until a tenth of the heap is left. */
    private void reclaim(double heapBefore) {
        int mostCollections = 10;
        double full = heapBytes() - heapBefore;
        int distinct = kept.length;
        kept = null;
        sink = null;
        long began = System.nanoTime();
        int collections = 0;
        double left = full;
        while (collections < mostCollections && left > full / 10) {
            System.gc();
            collections++;
            left = heapBytes() - heapBefore;
        }
        line("W6", "\"ns_per_value\": %.3f, \"collections\": %d, \"heap_full_mb\": %.3f, \"heap_left_mb\": %.3f",
                (double) (System.nanoTime() - began) / distinct, collections, full / 1e6, left / 1e6);
    }

    private void runChurn(int count, int threads) throws InterruptedException, IOException {
        long[] times = new long[threads];
        double[] early = new double[1];
        Thread[] workers = new Thread[threads];
        CountDownLatch start = new CountDownLatch(1);
        for (int index = 0; index < threads; index++) {
            int self = index;
            workers[index] = new Thread(() -> {
                byte[] value = String.format("churn%ca%017d", 'A' + self, 0).getBytes(StandardCharsets.ISO_8859_1);
                awaitQuietly(start);
                long began = System.nanoTime();
                for (int i = 0; i < count; i++) {
                    step(value);
                    sink = interner.apply(new String(value, StandardCharsets.ISO_8859_1));
                    if (i == count / 4 && self == 0) {
                        early[0] = residentQuietly();
                    }
                }
                times[self] = System.nanoTime() - began;
            });
            workers[index].start();
        }
        start.countDown();
        for (Thread worker : workers) {
            worker.join();
        }
        double late = residentBytes();
        boolean flat = late - early[0] <= Math.max(count * (double) threads * 0.75 * FRESH_SIZE, 32e6);
        line("W9", "\"ns_per_op\": %.3f, \"operations\": %d, \"threads\": %d, \"resident_quarter_mb\": %.3f, "
                        + "\"resident_end_mb\": %.3f, \"flat\": %b",
                Arrays.stream(times).average().orElse(0) / count, count, threads, early[0] / 1e6, late / 1e6, flat);
    }

    private static double residentQuietly() {
        try {
            return residentBytes();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Counts on by one, in decimal, in place. */
    static void step(byte[] text) {
        int digit = text.length - 1;
        while (text[digit] == '9') {
            text[digit--] = '0';
        }
        text[digit]++;
    }

    private void run(int[] threads, int churn) throws IOException, InterruptedException {
        String library = peer.equals("guava") ? "Guava " + System.getProperty("guava.version", "?") + ", " : "";
        line("info", "\"version\": \"%sJava %s\", \"distinct\": %d", library, System.getProperty("java.version"),
                shuffled.count);
        warmUp();
        double bareMs = wants("W7") ? bareHeap() : 0;
        System.gc();
        double heapBefore = heapBytes();
        build();
        check();
        if (wants("W2")) {
            hits("W2", stream);
        }
        if (wants("W3")) {
            hits("W3", shuffled);
        }
        if (wants("W4")) {
            for (int count : threads) {
                runThreads(count);
            }
        }
        if (wants("W7")) {
            pause(bareMs);
        }
        if (wants("W6")) {
            reclaim(heapBefore);
        }
        if (wants("W9")) {
            runChurn(churn, 1);
            runChurn(churn, 2);
        }
    }

    private static String option(String[] arguments, String name, String fallback) {
        for (String argument : arguments) {
            if (argument.startsWith("--" + name + "=")) {
                return argument.substring(name.length() + 3);
            }
        }
        return fallback;
    }

    private static int[] defaultThreads() {
        List<Integer> counts = new ArrayList<>();
        for (int count = 1; count <= Runtime.getRuntime().availableProcessors(); count *= 2) {
            counts.add(count);
        }
        return counts.stream().mapToInt(Integer::intValue).toArray();
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        int held = Integer.parseInt(option(arguments, "held", "0"));
        if (held != 0) {
            String peer = option(arguments, "peer", "guava");
            new Latency(peer, newInterner(peer), held).run(Double.parseDouble(option(arguments, "seconds", "2")));
            return;
        }
        String list = option(arguments, "threads", "");
        String workloads = option(arguments, "workloads", "");
        Interners bench = new Interners(
                option(arguments, "peer", "guava"),
                Path.of(option(arguments, "corpus", "")),
                workloads.isEmpty() ? List.of() : Arrays.asList(workloads.split(",")));
        bench.run(
                list.isEmpty() ? defaultThreads() : Arrays.stream(list.split(",")).mapToInt(Integer::parseInt).toArray(),
                Integer.parseInt(option(arguments, "churn", "2000000")));
    }
}
