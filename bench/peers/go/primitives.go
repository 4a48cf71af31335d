// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unique"
	"weak"
)

const (
	objectCount = 200000
	lookups     = 4000000
)

type object struct{ bytes [32]byte }

func primitive(name string, began time.Time, operations int) {
	took := nsPer(began, operations)
	line("W10", `"primitive": %q, "ns_per_op": %.3f, "operations": %d`, name, took, operations)
}

// runPrimitives is W10, under the names that hapax gives the operations.
func runPrimitives() {
	objects := make([]*object, objectCount)
	for i := range objects {
		objects[i] = new(object)
	}
	runWeak(objects)
	runCleanups(objects)
	runMake(1, "make_handle, 1 key")
	runMake(128, "make_handle, 128 keys")
	runMake(128*1024, "make_handle, 128 Ki keys")
	runCache()
}

func runWeak(objects []*object) {
	cells := make([]weak.Pointer[object], len(objects))
	began := time.Now()
	for i, o := range objects {
		cells[i] = weak.Make(o)
	}
	primitive("weak_make, first", began, len(objects))

	same := true
	began = time.Now()
	for i, o := range objects {
		same = same && weak.Make(o) == cells[i]
	}
	primitive("weak_make, again", began, len(objects))

	began = time.Now()
	for i, o := range objects {
		same = same && cells[i].Value() == o
	}
	primitive("weak_value", began, len(objects))
	if !same {
		wrong("a weak pointer of a live object is not what it was made from")
	}
}

func runCleanups(objects []*object) {
	var ran atomic.Int64
	cleanups := make([]runtime.Cleanup, len(objects))
	add := func() {
		for i, o := range objects {
			cleanups[i] = runtime.AddCleanup(o, func(int) { ran.Add(1) }, 0)
		}
	}
	began := time.Now()
	add()
	primitive("add_cleanup", began, len(objects))

	began = time.Now()
	for _, cleanup := range cleanups {
		cleanup.Stop()
	}
	primitive("cleanup_stop", began, len(objects))

	add()
	clear(objects)
	began = time.Now()
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); ran.Load() < objectCount; time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			wrong("cleanups of dead objects do not run")
		}
	}
	primitive("collection and cleanup run", began, len(objects))
}

// cache keeps weak values by key in a sync.Map; a value's cleanup removes its entry, unless another value has come since.
type cache struct{ values sync.Map }

func (c *cache) get(key string) *object {
	for {
		found, ok := c.values.Load(key)
		if ok {
			if value := found.(weak.Pointer[object]).Value(); value != nil {
				return value
			}
			c.values.CompareAndDelete(key, found)
		}
		fresh := new(object)
		copy(fresh.bytes[:], key)
		pointer := weak.Make(fresh)
		if _, taken := c.values.LoadOrStore(key, pointer); !taken {
			runtime.AddCleanup(fresh, func(key string) { c.values.CompareAndDelete(key, pointer) }, key)
			return fresh
		}
	}
}

func runCache() {
	const cachedCount = 1024
	var c cache
	keys := make([]string, cachedCount)
	cached := make([]*object, cachedCount)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%012d", i*40503%(128*1024))
		cached[i] = c.get(keys[i])
	}
	same := true
	began := time.Now()
	for i := 0; i < lookups; i++ {
		same = same && c.get(keys[i%cachedCount]) == cached[i%cachedCount]
	}
	primitive("cache_get, hit", began, lookups)
	if !same {
		wrong("a cache creates a value anew while it is held")
	}
}

func runMake(count int, name string) {
	keys := make([]string, count)
	held := make([]unique.Handle[string], count)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%012d", i*40503%(128*1024))
	}
	for i := range keys {
		key := i * 7919 % count
		held[key] = unique.Make(keys[key])
	}
	var last unique.Handle[string]
	began := time.Now()
	for i, key := 0, 0; i < lookups; i++ {
		last = unique.Make(keys[key])
		if key++; key == count {
			key = 0
		}
	}
	primitive(name, began, lookups)
	runtime.KeepAlive(last)
	runtime.KeepAlive(held)
}
