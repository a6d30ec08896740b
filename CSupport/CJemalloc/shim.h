// jemalloc, the process's allocator. Linking it replaces malloc for C and Swift alike; nothing else is called.
//
// The shim exists because mallctl is reached by name strings and out-parameters, and because a use of one of its
// symbols keeps the library from being dropped by the linker.

#ifndef TICKLINE_CJEMALLOC_SHIM_H
#define TICKLINE_CJEMALLOC_SHIM_H

#include <jemalloc/jemalloc.h>
#include <stddef.h>
#include <stdint.h>

// Bytes the process has allocated and not freed, as of now; 0 where jemalloc is not the allocator (sanitizers). Any
// thread, some microseconds.
static inline uint64_t CJemalloc_allocated_bytes(void) {
    uint64_t epoch = 1;
    size_t bytes = 0;
    size_t length = sizeof epoch;
    if (mallctl("epoch", &epoch, &length, &epoch, length) != 0) return 0; // statistics are cached until the epoch moves
    length = sizeof bytes;
    if (mallctl("stats.allocated", &bytes, &length, NULL, 0) != 0) return 0;
    return bytes;
}

#endif
