// SPDX-License-Identifier: MIT
// Go's unique.Make[string], and what Go's weak pointers and cleanups cost: the
// same workloads and JSON lines as the C harness.
//
// The collector is off while W1 to W4 are timed, so that these are the cost of
// the table alone; it is on, with its defaults, in W6, W7, W9 and W10.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unique"
)

const peer = "go"

// text keeps tokens as places in one string: a slice of four million strings
// would be searched by each collection.
type text struct {
	bytes  string
	starts []uint32 // token i is bytes[starts[i]:ends[i]]
	ends   []uint32
}

func (t *text) token(i int) string { return t.bytes[t.starts[i]:t.ends[i]] }
func (t *text) count() int         { return len(t.starts) }

// readText cuts a file into lines; empty ones are no tokens.
func readText(path string) *text {
	contents, err := os.ReadFile(path)
	if err != nil {
		giveUp(err.Error())
	}
	lines := bytes.Count(contents, []byte{'\n'}) + 1
	t := &text{bytes: string(contents), starts: make([]uint32, 0, lines), ends: make([]uint32, 0, lines)}
	for at := 0; at < len(t.bytes); {
		length := strings.IndexByte(t.bytes[at:], '\n')
		if length < 0 {
			length = len(t.bytes) - at
		}
		if length > 0 {
			t.starts = append(t.starts, uint32(at))
			t.ends = append(t.ends, uint32(at+length))
		}
		at += length + 1
	}
	return t
}

func giveUp(message string) {
	fmt.Fprintln(os.Stderr, "bench:", message)
	os.Exit(2)
}

func wrong(message string) {
	fmt.Fprintln(os.Stderr, "wrong: go:", message)
	os.Exit(1)
}

func line(workload, format string, values ...any) {
	fmt.Printf("{\"peer\": %q, \"workload\": %q, %s}\n", peer, workload, fmt.Sprintf(format, values...))
}

func residentBytes() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(statm))[1])
	return float64(pages * os.Getpagesize())
}

func heapBytes() float64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// nsPer is what one of so many operations took since then, in nanoseconds.
func nsPer(began time.Time, operations int) float64 {
	return float64(time.Since(began).Nanoseconds()) / float64(operations)
}

// collectionMs is the median time of one full collection; most of it runs
// beside the program.
func collectionMs() float64 {
	var times [5]float64
	for i := range times {
		began := time.Now()
		runtime.GC()
		times[i] = nsPer(began, 1) / 1e6
	}
	slices.Sort(times[:])
	return times[len(times)/2]
}

// sink keeps the loops' results from being optimised away.
var sink unique.Handle[string]

// kept holds one handle for each distinct value.
var kept []unique.Handle[string]

type bench struct {
	stream, shuffled *text
	first            []byte
	rawBytes         int
	wants            func(string) bool
	threads          []int
	churn            int
	bareMs           float64
}

// bareHeap measures a collection of the same values without the table.
func (b *bench) bareHeap() float64 {
	values := make([]string, b.shuffled.count())
	for i := range values {
		values[i] = strings.Clone(b.shuffled.token(i))
	}
	took := collectionMs()
	runtime.KeepAlive(values)
	return took
}

func (b *bench) build() {
	resident, heap := residentBytes(), heapBytes()
	slot := 0
	began := time.Now()
	for i := range b.stream.count() {
		handle := unique.Make(b.stream.token(i))
		if b.first[i] != 0 {
			kept[slot] = handle
			slot++
		} else {
			sink = handle
		}
	}
	took := nsPer(began, b.stream.count())
	residentAfter := residentBytes()
	runtime.GC()
	distinct := float64(b.shuffled.count())
	line("W1", `"ns_per_op": %.3f, "operations": %d, "distinct": %d`, took, b.stream.count(), slot)
	if b.wants("W5") {
		line("W5", `"resident_bytes_per_value": %.3f, "heap_bytes_per_value": %.3f`,
			(residentAfter-resident-float64(b.rawBytes))/distinct, (heapBytes()-heap-float64(b.rawBytes))/distinct)
	}
}

func (b *bench) check() {
	slot := 0
	for i := range b.stream.count() {
		token := b.stream.token(i)
		if unique.Make(token).Value() != token {
			wrong("a handle holds other bytes than its value")
		}
		if b.first[i] != 0 {
			if kept[slot] != unique.Make(token) || kept[slot].Value() != token {
				wrong("a value has two handles")
			}
			slot++
		}
	}
	if slot != b.shuffled.count() {
		wrong("the number of distinct values")
	}
}

func (b *bench) hits(workload string, t *text) {
	began := time.Now()
	var last unique.Handle[string]
	for i := range t.count() {
		last = unique.Make(t.token(i))
	}
	took := nsPer(began, t.count())
	sink = last
	line(workload, `"ns_per_op": %.3f, "operations": %d`, took, t.count())
}

// crowd runs the work in so many goroutines, each locked to a thread, which
// start together; it returns each one's time per operation and the longest.
func crowd(threads, operations int, work func(index int)) (mean, longest float64) {
	start := make(chan struct{})
	times := make([]float64, threads)
	var ready, done sync.WaitGroup
	for index := range threads {
		ready.Add(1)
		done.Add(1)
		go func() {
			runtime.LockOSThread()
			ready.Done()
			<-start
			began := time.Now()
			work(index)
			times[index] = nsPer(began, operations)
			done.Done()
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	for _, took := range times {
		mean += took / float64(threads)
		longest = max(longest, took)
	}
	return mean, longest
}

func (b *bench) runThreads() {
	for _, threads := range b.threads {
		count := b.stream.count()
		mean, longest := crowd(threads, count, func(index int) {
			from := count / threads * index
			var last unique.Handle[string]
			for i := from; i < count; i++ {
				last = unique.Make(b.stream.token(i))
			}
			for i := range from {
				last = unique.Make(b.stream.token(i))
			}
			runtime.KeepAlive(last)
		})
		line("W4", `"ns_per_op": %.3f, "operations": %d, "threads": %d, "million_ops_per_second": %.3f`,
			mean, count, threads, float64(threads)/longest*1e3)
	}
}

func (b *bench) pause() {
	took := collectionMs()
	line("W7", `"collect_ms": %.3f, "bare_ms": %.3f, "extra_ms": %.3f`, took, b.bareMs, took-b.bareMs)
}

// reclaim drops everything and collects until a tenth is left. The table is
// swept by the runtime itself some time after a collection.
func (b *bench) reclaim(heapBefore float64) {
	const mostCollections = 10
	full := heapBytes() - heapBefore
	distinct := len(kept)
	clear(kept)
	sink = unique.Make("")
	began := time.Now()
	collections := 0
	for left := full; collections < mostCollections && left > full/10; left = heapBytes() - heapBefore {
		runtime.GC()
		collections++
	}
	took := nsPer(began, distinct)
	left := heapBytes() - heapBefore
	line("W6", `"ns_per_value": %.3f, "collections": %d, "heap_full_mb": %.3f, "heap_left_mb": %.3f`,
		took, collections, full/1e6, left/1e6)
}

func (b *bench) runChurn() {
	for threads := 1; threads <= 2; threads++ {
		var early float64
		mean, _ := crowd(threads, b.churn, func(index int) {
			value := []byte(fmt.Sprintf("churn%ca%017d", 'A'+index, 0))
			var last unique.Handle[string]
			for i := range b.churn {
				step(value)
				last = unique.Make(string(value))
				if i == b.churn/4 && index == 0 {
					early = residentBytes()
				}
			}
			runtime.KeepAlive(last)
		})
		late := residentBytes()
		line("W9", `"ns_per_op": %.3f, "operations": %d, "threads": %d, "resident_quarter_mb": %.3f, `+
			`"resident_end_mb": %.3f, "flat": %t`, mean, b.churn, threads, early/1e6, late/1e6, isFlat(early, late, b.churn*threads))
	}
}

// isFlat is as the C harness has it: less growth than the bare text of the values
// made since, one heap growth step allowed.
func isFlat(early, late float64, values int) bool {
	return late-early <= max(float64(values)*0.75*24, 32e6)
}

// step counts on by one, in decimal, in place.
func step(text []byte) {
	digit := len(text) - 1
	for text[digit] == '9' {
		text[digit] = '0'
		digit--
	}
	text[digit]++
}

func main() {
	corpus := flag.String("corpus", "", "the corpus; CORPUS.first and CORPUS.shuffled lie beside it")
	workloads := flag.String("workloads", "", "comma-separated; all where empty")
	threadList := flag.String("threads", "", "thread counts, comma-separated")
	churn := flag.Int("churn", 2000000, "new values per thread in W9")
	held := flag.Uint64("held", 0, "W11 alone, beside so many values; needs no corpus")
	seconds := flag.Int("seconds", 2, "how long W11 runs")
	flag.Parse()
	if *held != 0 {
		runLatency(*held, time.Duration(*seconds)*time.Second)
		return
	}

	b := &bench{churn: *churn}
	b.wants = func(workload string) bool {
		return *workloads == "" || slices.Contains(strings.Split(*workloads, ","), workload)
	}
	if *threadList == "" {
		for threads := 1; threads <= runtime.NumCPU(); threads *= 2 {
			b.threads = append(b.threads, threads)
		}
	} else {
		for _, item := range strings.Split(*threadList, ",") {
			threads, err := strconv.Atoi(item)
			if err != nil || threads < 1 {
				giveUp("no thread count: " + item)
			}
			b.threads = append(b.threads, threads)
		}
	}
	b.load(*corpus)
	b.run()
}

func (b *bench) load(corpus string) {
	b.stream = readText(corpus)
	b.shuffled = readText(corpus + ".shuffled")
	for i := range b.shuffled.count() {
		b.rawBytes += len(b.shuffled.token(i))
	}
	var err error
	if b.first, err = os.ReadFile(corpus + ".first"); err != nil || len(b.first) != b.stream.count() {
		giveUp("what was prepared beside the corpus does not match it")
	}
	kept = make([]unique.Handle[string], b.shuffled.count())
	for i := range kept {
		kept[i] = unique.Handle[string]{} // touched, so that its pages are nobody's cost
	}
}

func (b *bench) run() {
	if b.wants("W7") {
		b.bareMs = b.bareHeap()
	}
	debug.FreeOSMemory()
	defaultPercent := debug.SetGCPercent(-1)
	line("info", `"version": %q, "tokens": %d, "distinct": %d`, runtime.Version(), b.stream.count(), b.shuffled.count())

	heapBefore := heapBytes()
	b.build()
	b.check()
	if b.wants("W2") {
		b.hits("W2", b.stream)
	}
	if b.wants("W3") {
		b.hits("W3", b.shuffled)
	}
	if b.wants("W4") {
		b.runThreads()
	}
	debug.SetGCPercent(defaultPercent)
	if b.wants("W7") {
		b.pause()
	}
	if b.wants("W6") {
		b.reclaim(heapBefore)
	}
	if b.wants("W9") {
		b.runChurn()
	}
	if b.wants("W10") {
		runPrimitives()
	}
}
