/* SPDX-License-Identifier: MIT */
/*
 * hapax.h - canonical values, weak pointers, cleanups and finalizers on the
 * Boehm collector.
 *
 * Includes every header of the library. hapax/memory.h declares hapax_init.
 * hapax(7) explains the memory model; each function has a manual page of its
 * name in section 3.
 */
#ifndef HAPAX_H
#define HAPAX_H

#include <hapax/cache.h>
#include <hapax/cleanup.h>
#include <hapax/export.h>
#include <hapax/finalizer.h>
#include <hapax/handle.h>
#include <hapax/mapped_file.h>
#include <hapax/memory.h>
#include <hapax/stats.h>
#include <hapax/symbols.h>
#include <hapax/typed.h>
#include <hapax/version.h>
#include <hapax/weak.h>
#include <hapax/weak_map.h>
#include <hapax/worker.h>

#endif
