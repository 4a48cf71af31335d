// SPDX-License-Identifier: MIT
package main

import (
	"math/bits"
	"runtime"
	"runtime/debug"
	"time"
	"unique"
)

// steps is how many classes each power of two has, as in bench/latency.h.
const steps = 32

// histogram has a fixed size, so that recording allocates nothing.
type histogram struct {
	counts         [60 * steps]uint64
	total, longest uint64
}

func (h *histogram) record(ns uint64) {
	class := ns
	if ns >= steps {
		shift := uint64(bits.Len64(ns)) - 6
		class = (shift+1)*steps + (ns>>shift)%steps
	}
	h.counts[min(class, uint64(len(h.counts)-1))]++
	h.total++
	h.longest = max(h.longest, ns)
}

// quantile is the end of the class in which that share of all is reached.
func (h *histogram) quantile(share float64) uint64 {
	seen := 0.0
	for class, count := range h.counts {
		seen += float64(count)
		if seen > 0 && seen >= share*float64(h.total) {
			end := uint64(class)
			if class >= steps {
				shift := uint64(class)/steps - 1
				end = (steps+uint64(class)%steps+1)<<shift - 1
			}
			return min(end, h.longest)
		}
	}
	return h.longest
}

// hitTimes and newTimes are W11's; static, so that they are no part of the heap.
var hitTimes, newTimes histogram

var origin = time.Now()

// now is cheaper than time.Now: it reads the monotonic clock alone.
func now() uint64 { return uint64(time.Since(origin)) }

// clockCost is the median of many empty measurements.
func clockCost() uint64 {
	for range 100000 {
		began := now()
		hitTimes.record(now() - began)
	}
	cost := hitTimes.quantile(0.5)
	hitTimes = histogram{}
	return cost
}

func less(took, cost uint64) uint64 { return max(took, cost) - cost }

const valueSize = 24

// heldText writes the value of that number, behind "held", in decimal.
func heldText(text []byte, number uint64) {
	copy(text, "held")
	for digit := valueSize - 1; digit >= 4; digit-- {
		text[digit] = byte('0' + number%10)
		number /= 10
	}
}

// next is the random sequence of the C harness.
func next(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	value := *state
	value = (value ^ value>>30) * 0xbf58476d1ce4e5b9
	value = (value ^ value>>27) * 0x94d049bb133111eb
	return value ^ value>>31
}

// latencyLoop interns for so long. A string is made of the bytes within the time
// that is taken: a program in Go that reads text does the same.
func latencyLoop(held uint64, duration time.Duration, cost uint64, random *uint64, fresh []byte) {
	text := make([]byte, valueSize)
	end := now() + uint64(duration)
	for ended := uint64(0); ended < end; {
		for range 9 {
			heldText(text, next(random)%held)
			began := now()
			sink = unique.Make(string(text))
			hitTimes.record(less(now()-began, cost))
		}
		step(fresh)
		began := now()
		sink = unique.Make(string(fresh))
		ended = now()
		newTimes.record(less(ended-began, cost))
	}
}

func latencyLine(variant string, h *histogram, held, cost uint64) {
	line("W11", `"variant": %q, "held": %d, "operations": %d, "clock_ns": %d, "p50_ns": %d, "p99_ns": %d, `+
		`"p999_ns": %d, "p9999_ns": %d, "longest_ns": %d`, variant, held, h.total, cost, h.quantile(0.5),
		h.quantile(0.99), h.quantile(0.999), h.quantile(0.9999), h.longest)
}

// runLatency is W11; a fifth of the time warms up and is not counted. Go keeps the
// pauses of the last 256 collections, each of which stops the goroutines twice.
func runLatency(held uint64, duration time.Duration) {
	kept = make([]unique.Handle[string], held)
	text := make([]byte, valueSize)
	for i := range kept {
		heldText(text, uint64(i))
		kept[i] = unique.Make(string(text))
	}
	random := uint64(1)
	fresh := []byte("churnAa00000000000000000")
	cost := clockCost()
	latencyLoop(held, duration/5, cost, &random, fresh)
	hitTimes, newTimes = histogram{}, histogram{}
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	latencyLoop(held, duration/5*4, cost, &random, fresh)
	debug.ReadGCStats(&after)
	latencyLine("hit", &hitTimes, held, cost)
	latencyLine("new", &newTimes, held, cost)

	var longest time.Duration
	collections := after.NumGC - before.NumGC
	for i := range min(int(collections), len(after.Pause)) {
		longest = max(longest, after.Pause[i])
	}
	line("W11", `"variant": "stops", "stops": %d, "longest_ns": %d`, collections, longest.Nanoseconds())
	runtime.KeepAlive(kept)
}
