// A simulated operating system for the product's own threads: one of them runs at a time, a seed chooses which, time
// moves only when all of them wait, and a process can be killed at any of its system calls.
//
// The functions of the C library that wait, tell the time, give random bytes or reach the network are defined again by
// this target (interpose.c, sockets.c). For threads that are not simulated they do what they always do. An executable
// that links this target must hold nothing else but the simulation. One simulation per process: `sim_fork_each` makes
// one for each seed.
//
// Only between two calls of the C library is a thread ever interrupted, not between two instructions: what the ring's
// and the outbox's memory orders promise is not tried here (ThreadSanitizer does that).
#ifndef SIMULATED_SYSTEM_H
#define SIMULATED_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

// Makes the calling thread the first simulated one, the world, which belongs to no process and is never killed.
void sim_begin(uint64_t seed);

// A number from the seed's sequence.
uint64_t sim_random(void);

// Simulated time, nanoseconds since an arbitrary start; a wall clock runs beside it.
uint64_t sim_now_ns(void);

// A number that everything that was scheduled so far went into: equal for equal runs.
uint64_t sim_trace(void);

// System calls of simulated threads so far.
uint64_t sim_calls(void);

// Takes (`open` true) or refuses connections to a TCP port of this host; ports never named refuse.
void sim_listen(uint16_t port, bool open);

// The next accepted connection's descriptor, nonblocking, with its port; -1 where there is none.
int sim_accept(uint16_t *port);

// The world: waits until one of `count` descriptors is readable (or writable where `writable` says so), a connection is
// to be accepted, the process was killed, or until `deadline_ns`.
void sim_wait(const int *descriptors, const bool *writable, int count, uint64_t deadline_ns);

// Lets the machine's other threads, those that are not simulated, go on, while the simulation stands still.
void sim_stand_still(void);

// Gives way to the thread called `name` alone until it waits; the world's way to run the beginning of something to its
// end.
void sim_run_only(const char *name);

// Whether the thread called `name` is there and waits for a word.
bool sim_is_parked(const char *name);

// Whether the thread called `name` waits for a word that has changed meanwhile: somebody who is not simulated woke it.
bool sim_is_woken(const char *name);

// Kills the process (all threads but the world) at the `calls`-th next call of its threads; of the thread called `name`
// only, where given. 0 calls: never.
void sim_kill_after(uint64_t calls, const char *name);

// Whether it was killed. Its threads never run again and its connections are closed; its memory stays.
bool sim_is_killed(void);

// A new process begins: threads made from here on belong to it.
void sim_new_process(void);

// The disk refuses to give room to new files while set.
void sim_disk_full(bool full);

// Synchronising with the disk fails while set.
void sim_disk_failing(bool failing);

// Runs `body` in a process of its own for `count` seeds from `first` on, `jobs` at a time, and returns how many of them
// ended with another status than 0. `body` returns the status. With `ends_early` none is begun behind the first
// failure. Before any thread is made.
int sim_fork_each(uint64_t first, uint64_t count, int jobs, bool ends_early, int (*body)(uint64_t seed));

#endif
