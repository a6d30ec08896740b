// What the parts of the simulated system share. Everything here is used by the one simulated thread that runs.
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

enum { SIM_MOST_THREADS = 512, SIM_NAME_BYTES = 16 };

enum sim_wait_kind { SIM_RUNS, SIM_POLLS, SIM_FUTEX, SIM_SLEEPS, SIM_JOINS, SIM_ENDED };

struct sim_thread {
    pthread_t handle;
    sem_t turn;
    char name[SIM_NAME_BYTES];
    uint32_t process; // 0: the world
    enum sim_wait_kind wait;
    uint64_t deadline_ns;
    struct pollfd *entries;
    nfds_t entry_count;
    const uint32_t *word;
    uint32_t expected;
    struct sim_thread *joined;
    void *(*body)(void *);
    void *argument;
};

// The calling thread, NULL for one that is not simulated.
extern _Thread_local struct sim_thread *sim_self;

// Waits as `sim_self` was set up to; returns when it is its turn again. Never for a killed thread.
void sim_give_way(void);

// The calling thread has ended; somebody else goes on.
void sim_leave(void);

// A system call's moment: maybe another thread goes on, maybe the process is killed.
void sim_call(const char *what);

// As `sim_call`, for calls that are too many: rarely.
void sim_frequent_call(void);

// Time goes on by a little.
uint64_t sim_tick(uint64_t ns);

// A new simulated thread of the present process; it runs when it is chosen.
struct sim_thread *sim_add_thread(void *(*body)(void *), void *argument);

struct sim_thread *sim_find(pthread_t handle);

// Whether a connection waits to be accepted.
bool sim_has_connection(void);

// Closes all connections of the process.
void sim_close_connections(void);

extern bool sim_is_disk_full;
extern bool sim_is_disk_failing;

#endif
