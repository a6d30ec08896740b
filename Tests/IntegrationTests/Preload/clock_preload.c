// Preloaded into a process under test: its wall clock is the machine's plus an offset that the test changes while it
// runs.
//
// CLOCK_OFFSET_FILE names a file whose first eight bytes are the offset in nanoseconds. Other clocks are left alone.
// The kernel is asked directly, not through the next library: an allocator that reads the clock while it starts would
// come round.
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic(int64_t) *offset_ns;

__attribute__((constructor)) static void map_offset(void) {
    const char *path = getenv("CLOCK_OFFSET_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) offset_ns = memory;
}

int clock_gettime(clockid_t clock, struct timespec *result) {
    if (syscall(SYS_clock_gettime, clock, result) != 0) return -1;
    if (!offset_ns || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return 0;
    // relaxed: the offset is a number by itself.
    int64_t time_ns =
        result->tv_sec * 1000000000 + result->tv_nsec + atomic_load_explicit(offset_ns, memory_order_relaxed);
    result->tv_sec = time_ns / 1000000000;
    result->tv_nsec = time_ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    result->tv_sec = now.tv_sec;
    result->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
