// What the harness's three C programs share: clocks, TCP, arguments, and a bound on how long they live.
//
// Threads: each program has one. Errors end the program with one line on standard error, since a round without one of
// its parts measures nothing. Connections block and have TCP_NODELAY set. Pointers are borrowed for the call.

#ifndef TICKLINE_PERF_SUPPORT_H
#define TICKLINE_PERF_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

// Longest life of one program: the driver allows rounds of 120 s, with start and end around them.
#define PERF_LIFETIME_SECONDS 300u

// CLOCK_MONOTONIC in nanoseconds, about 20 ns; the same clock in every process of the machine.
static inline uint64_t perf_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// CLOCK_REALTIME in nanoseconds since 1970.
static inline int64_t perf_realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec;
}

// Prints "program: what", with the text of errno where it is set, and exits with 1.
_Noreturn void perf_fail(const char *_Nonnull what);

// Ends the program by SIGALRM after PERF_LIFETIME_SECONDS, whatever happens.
void perf_bound_lifetime(void);

// Calls `handler` on SIGTERM; blocking calls then return EINTR.
void perf_on_termination(void (*_Nonnull handler)(int));

// Reads a decimal argument from 1 to `most`.
uint64_t perf_argument(const char *_Nonnull text, uint64_t most);

// Connects to a numeric IPv4 address and returns the descriptor.
int perf_connect(const char *_Nonnull host, const char *_Nonnull port);

// Sends all `bytes`, blocking.
void perf_send_all(int descriptor, const void *_Nonnull data, size_t bytes);

#endif
