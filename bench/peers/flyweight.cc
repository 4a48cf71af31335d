/* SPDX-License-Identifier: MIT */
// boost::flyweight of std::string with its own defaults: a hashed factory behind
// a mutex, counted references. With HAPAX_BENCH_CONCURRENT the concurrent factory
// of newer Boosts takes its place, which counts and locks by itself; a thread of
// its own frees unused values about once a second, so W6 shows only the counting
// down, and a heap still full.

#include <boost/flyweight.hpp>
#include <boost/version.hpp>

#ifdef HAPAX_BENCH_CONCURRENT
#include <boost/flyweight/concurrent_factory.hpp>
#include <boost/flyweight/no_locking.hpp>
#include <boost/flyweight/no_tracking.hpp>
#endif

#include <string>
#include <string_view>
#include <vector>

#include "harness.h"

#ifdef HAPAX_BENCH_CONCURRENT
#define PEER_NAME "flyweight-concurrent"
using flyweight = boost::flyweight<std::string, boost::flyweights::concurrent_factory<>, boost::flyweights::no_locking,
                                   boost::flyweights::no_tracking>;
#else
#define PEER_NAME "flyweight"
using flyweight = boost::flyweight<std::string>;
#endif

static std::vector<flyweight> *kept;

static const char *peer_version(void)
{
    return "Boost " BOOST_LIB_VERSION;
}

static void peer_start(size_t distinct)
{
    kept = new std::vector<flyweight>(distinct);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    (*kept)[slot] = flyweight(std::string(static_cast<const char *>(data), size));
}

// The reference is given back when the temporary ends.
static inline uintptr_t peer_touch(const void *data, size_t size)
{
    flyweight value(std::string(static_cast<const char *>(data), size));
    return reinterpret_cast<uintptr_t>(&value.get());
}

static uintptr_t peer_identity(size_t slot)
{
    return reinterpret_cast<uintptr_t>(&(*kept)[slot].get());
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = (*kept)[slot].get().size();
    return (*kept)[slot].get().data();
}

#define PEER_THREADS
static void peer_enter_thread(void) {}
static void peer_leave_thread(void) {}

// Every handle comes to mean the empty string, which every flyweight starts as.
#define PEER_RECLAIM
static unsigned peer_drop_all(size_t distinct)
{
    for (size_t i = 0; i < distinct; ++i)
        (*kept)[i] = flyweight();
    return 0;
}

// The factory cannot be asked; what malloc still holds is in the same line.
static size_t peer_values_left(void)
{
    return 0;
}

#define PEER_CHURN

#include "peer.h"
