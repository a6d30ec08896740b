#include "spsc_ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void spsc_ring_init(struct spsc_ring *memory, uint64_t capacity_slots) {
    atomic_init(&memory->head, 0);
    atomic_init(&memory->tail, 0);
    memory->claimed = 0;
    memory->cached_tail = 0;
    memory->cached_head = 0;
    memory->capacity_slots = capacity_slots;
}

void spsc_parker_init(struct spsc_parker *parker) {
    atomic_init(&parker->state, 0);
}

void spsc_parker_wait(struct spsc_parker *parker, uint64_t timeout_ns) {
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                               .tv_nsec = (long)(timeout_ns % 1000000000u)};
    // The kernel sleeps only while the state still is 1, so a wake between prepare and here is not lost. Interruptions
    // and time-outs return to the caller, which polls its rings anyway.
    (void)syscall(SYS_futex, (uint32_t *)&parker->state, FUTEX_WAIT_PRIVATE, 1u, &timeout, NULL, 0);
    spsc_parker_cancel(parker);
}

void spsc_parker_wake_slow(struct spsc_parker *parker) {
    // Only the producer that turns 1 into 0 wakes. acq_rel: nothing but the state itself travels through it; the slot
    // bytes travel through the ring's head.
    if (atomic_exchange_explicit(&parker->state, 0, memory_order_acq_rel) == 0) return;
    (void)syscall(SYS_futex, (uint32_t *)&parker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
