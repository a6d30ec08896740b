#include "scheduler.h"
#include "simulated_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local struct sim_thread *sim_self;
bool sim_is_disk_full;
bool sim_is_disk_failing;

static struct sim_thread threads[SIM_MOST_THREADS];
static int thread_count;
static uint64_t random_state;
static uint64_t now_ns = 1000000000;
static uint64_t trace = 14695981039346656037ull;
static uint64_t calls;
static uint32_t process;
static bool is_killed;
static uint64_t kill_countdown;
static char kill_name[SIM_NAME_BYTES];
static struct sim_thread *alone;

static void mix(uint64_t value) {
    trace = (trace ^ value) * 1099511628211ull;
}

// SplitMix64 (Steele, Lea, Flood 2014).
uint64_t sim_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint64_t sim_now_ns(void) {
    return now_ns;
}
uint64_t sim_trace(void) {
    return trace;
}
uint64_t sim_calls(void) {
    return calls;
}
uint64_t sim_tick(uint64_t ns) {
    return now_ns += ns;
}
bool sim_is_killed(void) {
    return is_killed;
}
void sim_disk_full(bool full) {
    sim_is_disk_full = full;
}
void sim_disk_failing(bool failing) {
    sim_is_disk_failing = failing;
}

static struct sim_thread *add(void) {
    if (thread_count == SIM_MOST_THREADS) {
        fprintf(stderr, "simulation: more than %d threads\n", SIM_MOST_THREADS);
        abort();
    }
    struct sim_thread *thread = &threads[thread_count++];
    sem_init(&thread->turn, 0, 0);
    return thread;
}

void sim_begin(uint64_t seed) {
    random_state = seed;
    sim_self = add();
    sim_self->handle = pthread_self();
    strcpy(sim_self->name, "world");
}

struct sim_thread *sim_add_thread(void *(*body)(void *), void *argument) {
    struct sim_thread *thread = add();
    thread->process = sim_self->process == 0 ? process : sim_self->process;
    thread->body = body;
    thread->argument = argument;
    return thread;
}

struct sim_thread *sim_find(pthread_t handle) {
    for (int i = 0; i < thread_count; i++)
        if (pthread_equal(threads[i].handle, handle)) return &threads[i];
    return NULL;
}

static bool is_ready(struct sim_thread *thread) {
    if (thread->process != 0 && (is_killed || thread->process != process)) return false;
    if (alone && thread != alone) return false;
    switch (thread->wait) {
    case SIM_RUNS:
        return true;
    case SIM_ENDED:
        return false;
    case SIM_JOINS:
        return thread->joined->wait == SIM_ENDED;
    default:
        break;
    }
    if (now_ns >= thread->deadline_ns) return true;
    if (thread->wait == SIM_FUTEX) return __atomic_load_n(thread->word, __ATOMIC_ACQUIRE) != thread->expected;
    if (thread->wait != SIM_POLLS) return false;
    if (thread->process == 0 && (sim_has_connection() || is_killed)) return true;
    // The calling thread is not the one that waits, so `poll` must be the system's own.
    struct sim_thread *self = sim_self;
    sim_self = NULL;
    int count = poll(thread->entries, thread->entry_count, 0);
    sim_self = self;
    return count > 0;
}

// The thread that goes on; time moves to the next deadline where all wait.
static struct sim_thread *choose(void) {
    for (;;) {
        struct sim_thread *ready[SIM_MOST_THREADS];
        uint32_t count = 0;
        uint64_t next = UINT64_MAX;
        for (int i = 0; i < thread_count; i++) {
            struct sim_thread *thread = &threads[i];
            if (is_ready(thread))
                ready[count++] = thread;
            else if ((thread->process == 0 || (!is_killed && thread->process == process)) &&
                     (thread->wait == SIM_POLLS || thread->wait == SIM_FUTEX || thread->wait == SIM_SLEEPS) &&
                     thread->deadline_ns < next)
                next = thread->deadline_ns;
        }
        if (count > 0) return ready[sim_random() % count];
        if (alone) {
            // It waits: the world, which asked for it, goes on.
            alone = NULL;
            continue;
        }
        if (next == UINT64_MAX) {
            fprintf(stderr, "simulation: all threads wait for ever\n");
            abort();
        }
        // Late by up to 60 µs, as timers are.
        now_ns = next + sim_random() % 60000;
    }
}

void sim_give_way(void) {
    struct sim_thread *self = sim_self;
    now_ns += 500 + sim_random() % 2000;
    struct sim_thread *next = choose();
    mix((uint64_t)(next - threads));
    mix(now_ns);
    if (next != self) {
        sem_post(&next->turn);
        while (sem_wait(&self->turn) != 0 && errno == EINTR) {
        }
    }
    self->wait = SIM_RUNS;
}

void sim_leave(void) {
    struct sim_thread *next = choose();
    mix((uint64_t)(next - threads));
    sem_post(&next->turn);
}

static bool dies_now(void) {
    if (kill_countdown == 0 || sim_self->process != process || is_killed) return false;
    if (kill_name[0] != 0 && strcmp(kill_name, sim_self->name) != 0) return false;
    return --kill_countdown == 0;
}

void sim_call(const char *what) {
    calls++;
    for (const char *letter = what; *letter; letter++)
        mix((uint64_t)(unsigned char)*letter);
    if (dies_now()) {
        is_killed = true;
        sim_close_connections();
    } else if (sim_random() % 4 != 0) {
        now_ns += 300;
        return;
    }
    sim_self->wait = SIM_RUNS;
    sim_give_way();
}

void sim_frequent_call(void) {
    if (sim_self->process == 0 || sim_random() % 64 != 0) return;
    sim_call("clock");
}

void sim_kill_after(uint64_t count, const char *name) {
    kill_countdown = count;
    kill_name[0] = 0;
    if (name) strncpy(kill_name, name, sizeof kill_name - 1);
}

void sim_new_process(void) {
    process++;
    is_killed = false;
    kill_countdown = 0;
}

static struct sim_thread *find_name(const char *name) {
    for (int i = 0; i < thread_count; i++)
        if (threads[i].process == process && strcmp(threads[i].name, name) == 0) return &threads[i];
    return NULL;
}

void sim_run_only(const char *name) {
    struct sim_thread *thread = find_name(name);
    if (!thread || is_killed) return;
    alone = thread;
    sim_self->wait = SIM_RUNS;
    sim_give_way();
    alone = NULL;
}

bool sim_is_parked(const char *name) {
    struct sim_thread *thread = find_name(name);
    return thread && thread->wait == SIM_FUTEX;
}

bool sim_is_woken(const char *name) {
    struct sim_thread *thread = find_name(name);
    return thread && thread->wait == SIM_FUTEX && __atomic_load_n(thread->word, __ATOMIC_ACQUIRE) != thread->expected;
}
