/* SPDX-License-Identifier: MIT */
/* Static tracepoints of the provider hapax, for bpftrace, perf, gdb and SystemTap; hapax(7) describes them. Each is one
 * instruction that does nothing, and a note in the library that says where it is. Without <sys/sdt.h> they are left
 * out. There is none where a lookup finds its value. */
#ifndef HAPAX_PROBES_H
#define HAPAX_PROBES_H

#ifdef HAVE_PROBES
#include <sys/sdt.h>
#define probe_intern(table, handle, size) DTRACE_PROBE3(hapax, intern, table, handle, size)
#define probe_evict(table, handle) DTRACE_PROBE2(hapax, evict, table, handle)
#define probe_cleanup(waited_ns) DTRACE_PROBE1(hapax, cleanup, waited_ns)
#define probe_collection_begin(number) DTRACE_PROBE1(hapax, collection_begin, number)
#define probe_collection_end(number) DTRACE_PROBE1(hapax, collection_end, number)
#else
/* The arguments are not evaluated, and count as used. */
#define probe_intern(table, handle, size) ((void)sizeof(table), (void)sizeof(handle), (void)sizeof(size))
#define probe_evict(table, handle) ((void)sizeof(table), (void)sizeof(handle))
#define probe_cleanup(waited_ns) ((void)sizeof(waited_ns))
#define probe_collection_begin(number) ((void)sizeof(number))
#define probe_collection_end(number) ((void)sizeof(number))
#endif

#endif
