// Threads as the hot path needs them: names, affinity, the monotonic clock and a spin pause.
//
// Threads: everything may be called from any thread. Nothing here allocates; only the affinity and name calls enter the
// kernel (the clock is read in user space through the vDSO).

#ifndef TICKLINE_THREAD_SUPPORT_H
#define TICKLINE_THREAD_SUPPORT_H

#include <stdint.h>
#include <time.h>

// CLOCK_MONOTONIC in nanoseconds. About 20 ns.
static inline uint64_t thread_support_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// CLOCK_REALTIME in nanoseconds since 1970. About 20 ns.
static inline int64_t thread_support_realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec;
}

// Tells the processor that this is a spin loop; about 40 cycles on current x86.
static inline void thread_support_spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Names the calling thread; names longer than 15 bytes are cut, as the kernel does.
void thread_support_set_name(const char *_Nonnull name);

// Pins the calling thread to one processor. Returns 0, or the errno where the kernel refuses.
int thread_support_pin(int32_t processor);

// Processors this process may run on.
int32_t thread_support_processor_count(void);

#endif
