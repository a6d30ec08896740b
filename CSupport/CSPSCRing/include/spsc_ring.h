// A bounded lock-free ring of 64-byte slots for one producer thread and one consumer thread.
//
// Threads: functions under "producer" are called by one thread at a time, those under "consumer" by one thread at a
// time; the two may run concurrently. spsc_ring_occupancy may be called from any thread.
// Memory: the caller owns it, aligned to 128 bytes and spsc_ring_bytes() long, and keeps it until both threads are
// done. It holds no pointers, so it may be a mapped file. Nothing here allocates or blocks; only spsc_parker_wait
// sleeps and only spsc_parker_wake enters the kernel, when the consumer really is parked. Cost: a claim or a peek is a
// few loads; a publish is one exchange instruction, so publish whole batches.

#ifndef TICKLINE_SPSC_RING_H
#define TICKLINE_SPSC_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SPSC_RING_SLOT_BYTES 64u
// Two cache lines: the adjacent-line prefetcher of x86 pulls lines in pairs.
#define SPSC_RING_PAD_BYTES 128u

// Positions count slots since creation; at 10^9 slots/s a 64-bit position lasts 584 years.
struct spsc_ring {
    // Written by the producer.
    _Atomic uint64_t head; // slots published; the consumer reads it
    uint64_t claimed;      // slots claimed, >= head; producer only
    uint64_t cached_tail;  // last tail seen; producer only
    uint8_t pad_producer[SPSC_RING_PAD_BYTES - 3 * sizeof(uint64_t)];
    // Written by the consumer.
    _Atomic uint64_t tail; // slots released; the producer reads it
    uint64_t cached_head;  // last head seen; consumer only
    uint8_t pad_consumer[SPSC_RING_PAD_BYTES - 2 * sizeof(uint64_t)];
    // Constant after initialisation.
    uint64_t capacity_slots; // a power of two
    uint8_t pad_constant[SPSC_RING_PAD_BYTES - sizeof(uint64_t)];
    // capacity_slots slots follow.
};

static_assert(sizeof(struct spsc_ring) == 3 * SPSC_RING_PAD_BYTES, "each writer's data on its own cache lines");
static_assert(offsetof(struct spsc_ring, tail) == SPSC_RING_PAD_BYTES, "consumer data on its own lines");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");

// Bytes of memory for a ring of `capacity_slots`, or 0 where that is not a power of two from 2 to 2^30.
static inline size_t spsc_ring_bytes(uint64_t capacity_slots) {
    if (capacity_slots < 2 || capacity_slots > (1ull << 30) || (capacity_slots & (capacity_slots - 1)) != 0) return 0;
    return sizeof(struct spsc_ring) + (size_t)capacity_slots * SPSC_RING_SLOT_BYTES;
}

// Makes an empty ring in `memory` (128-byte aligned, spsc_ring_bytes() long). Before either thread starts.
void spsc_ring_init(struct spsc_ring *_Nonnull memory, uint64_t capacity_slots);

static inline void *_Nonnull spsc_ring_slot(struct spsc_ring *_Nonnull ring, uint64_t position) {
    uint8_t *slots = (uint8_t *)(ring + 1);
    return slots + (position & (ring->capacity_slots - 1)) * SPSC_RING_SLOT_BYTES;
}

// ---- producer ----

// Claims the next slot for writing, or returns NULL when the ring is full. Claimed slots are invisible until published.
static inline void *_Nullable spsc_ring_try_claim(struct spsc_ring *_Nonnull ring) {
    uint64_t position = ring->claimed;
    if (position - ring->cached_tail >= ring->capacity_slots) {
        // acquire: pairs with the release in spsc_ring_release; the consumer has finished reading what we overwrite.
        ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (position - ring->cached_tail >= ring->capacity_slots) return NULL;
    }
    ring->claimed = position + 1;
    return spsc_ring_slot(ring, position);
}

// Slots that can be claimed now, published or not.
static inline uint64_t spsc_ring_free_slots(struct spsc_ring *_Nonnull ring) {
    // acquire: as in spsc_ring_try_claim.
    ring->cached_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return ring->capacity_slots - (ring->claimed - ring->cached_tail);
}

// Claims `count` slots and copies `slots` into them, all or, where the ring lacks room (0), none. Linear in them.
static inline int spsc_ring_try_append(struct spsc_ring *_Nonnull ring, const void *_Nonnull slots, uint64_t count) {
    if (spsc_ring_free_slots(ring) < count) return 0;
    uint64_t to_end = ring->capacity_slots - (ring->claimed & (ring->capacity_slots - 1));
    uint64_t first = count < to_end ? count : to_end;
    memcpy(spsc_ring_slot(ring, ring->claimed), slots, first * SPSC_RING_SLOT_BYTES);
    // What is left, perhaps nothing, goes to the ring's start.
    memcpy(ring + 1, (const uint8_t *)slots + first * SPSC_RING_SLOT_BYTES, (count - first) * SPSC_RING_SLOT_BYTES);
    ring->claimed += count;
    return 1;
}

// Gives back the `count` slots claimed last; only slots not yet published.
static inline void spsc_ring_abort(struct spsc_ring *_Nonnull ring, uint64_t count) {
    ring->claimed -= count;
}

// Slots claimed since the ring was made, published or not.
static inline uint64_t spsc_ring_claimed(const struct spsc_ring *_Nonnull ring) {
    return ring->claimed;
}

// Makes all claimed slots visible to the consumer at once.
static inline void spsc_ring_publish(struct spsc_ring *_Nonnull ring) {
    // seq_cst, which contains release: publishes the slot bytes (pairs with the acquire in spsc_ring_peek), and orders
    // this store before the producer's load of the parker's state (pairs with spsc_parker_prepare, see there).
    atomic_store_explicit(&ring->head, ring->claimed, memory_order_seq_cst);
}

// ---- consumer ----

// Points `*slots` at up to `most` published slots that lie side by side and returns their number; 0 when empty.
static inline uint64_t spsc_ring_peek(struct spsc_ring *_Nonnull ring, uint64_t most,
                                      const void *_Nullable *_Nonnull slots) {
    // relaxed: this thread is the only writer of tail.
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t available = ring->cached_head - position;
    if (available == 0) {
        // seq_cst, which contains acquire: makes the slot bytes visible (pairs with spsc_ring_publish), and is ordered
        // after this consumer's announcement in spsc_parker_prepare, so one of the two sides sees the other.
        ring->cached_head = atomic_load_explicit(&ring->head, memory_order_seq_cst);
        available = ring->cached_head - position;
        if (available == 0) return 0;
    }
    uint64_t to_end = ring->capacity_slots - (position & (ring->capacity_slots - 1));
    if (available > to_end) available = to_end;
    if (available > most) available = most;
    *slots = spsc_ring_slot(ring, position);
    return available;
}

// Makes the next peek show all that is published by now, though not all it showed before is released.
static inline void spsc_ring_refresh(struct spsc_ring *_Nonnull ring) {
    // acquire: makes the slot bytes visible; pairs with the store in spsc_ring_publish.
    ring->cached_head = atomic_load_explicit(&ring->head, memory_order_acquire);
}

// Gives `count` peeked slots back to the producer.
static inline void spsc_ring_release(struct spsc_ring *_Nonnull ring, uint64_t count) {
    // relaxed load: own position. release store: our reads of the slots happen before the producer overwrites them;
    // pairs with the acquire in spsc_ring_try_claim.
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, position + count, memory_order_release);
}

// Slots published and not yet released, as seen by any thread; may be out of date on return.
static inline uint64_t spsc_ring_occupancy(struct spsc_ring *_Nonnull ring) {
    // relaxed: a gauge. tail first, so that head can't be the older of the two.
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return head - tail;
}

// ---- parking ----

// Where one consumer thread sleeps while all its rings are empty. Any number of producers may wake it.
//
// No wake-up is lost: the consumer stores "parked" and then loads the heads; a producer stores its head and then loads
// the state, all four sequentially consistent. In their single total order one of the two loads comes after the other
// side's store (Dekker). A fence would do as well, but the thread sanitizer does not model fences.
struct spsc_parker {
    _Atomic uint32_t state; // 0 running, 1 parked
    uint8_t pad[SPSC_RING_PAD_BYTES - sizeof(uint32_t)];
};

static_assert(sizeof(struct spsc_parker) == SPSC_RING_PAD_BYTES, "the parker has its own cache lines");

void spsc_parker_init(struct spsc_parker *_Nonnull parker);

// Consumer: announces that it is about to sleep. Afterwards it must look at its rings again and then either wait or
// cancel.
static inline void spsc_parker_prepare(struct spsc_parker *_Nonnull parker) {
    atomic_store_explicit(&parker->state, 1, memory_order_seq_cst);
}

// Consumer: takes the announcement back.
static inline void spsc_parker_cancel(struct spsc_parker *_Nonnull parker) {
    // relaxed: at worst a producer makes one needless wake call.
    atomic_store_explicit(&parker->state, 0, memory_order_relaxed);
}

// Consumer: sleeps until woken or until `timeout_ns` have passed; returns at once where a producer woke it meanwhile.
void spsc_parker_wait(struct spsc_parker *_Nonnull parker, uint64_t timeout_ns);

void spsc_parker_wake_slow(struct spsc_parker *_Nonnull parker);

// Producer: wakes the consumer if it is parked; otherwise one load. Call after spsc_ring_publish.
// Returns 1 where it entered the kernel, else 0.
static inline int spsc_parker_wake(struct spsc_parker *_Nonnull parker) {
    // seq_cst: ordered after the publish before it, see above.
    if (atomic_load_explicit(&parker->state, memory_order_seq_cst) == 0) return 0;
    spsc_parker_wake_slow(parker);
    return 1;
}

#endif
