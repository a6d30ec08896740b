// Counts allocations and reference counting per thread between two markers, by interposition.
//
// Loaded with LD_PRELOAD into the probe. The markers switch counting on and off for all threads; at the end one line
// per thread name goes to standard error: "thread mallocs retains releases". Threads are told apart by their names,
// which the product sets. No allocation of its own.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct counts {
    char name[16];
    _Atomic unsigned long mallocs, retains, releases;
};

#define MOST_THREADS 64
static struct counts table[MOST_THREADS];
static _Atomic int used;
static _Atomic int counting;
static __thread struct counts *mine;

// The name is read at the first count, when the product has set it.
static struct counts *self(void) {
    if (mine) return mine;
    int index = atomic_fetch_add(&used, 1);
    if (index >= MOST_THREADS) index = MOST_THREADS - 1;
    mine = &table[index];
    pthread_getname_np(pthread_self(), mine->name, sizeof mine->name);
    return mine;
}

static int is_on(void) {
    return atomic_load_explicit(&counting, memory_order_relaxed);
}

void tickline_probe_begin(void) {
    atomic_store(&counting, 1);
}

void tickline_probe_end(void) {
    atomic_store(&counting, 0);
    for (int i = 0; i < atomic_load(&used) && i < MOST_THREADS; i++)
        fprintf(stderr, "%s %lu %lu %lu\n", table[i].name, atomic_load(&table[i].mallocs),
                atomic_load(&table[i].retains), atomic_load(&table[i].releases));
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t bytes) {
    if (is_on()) atomic_fetch_add(&self()->mallocs, 1);
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    if (is_on()) atomic_fetch_add(&self()->mallocs, 1);
    return __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
    if (is_on()) atomic_fetch_add(&self()->mallocs, 1);
    return __libc_realloc(old, bytes);
}

static void *next_symbol(const char *name, void **cache) {
    if (!*cache) *cache = dlsym(RTLD_NEXT, name);
    return *cache;
}

#define FORWARD_ONE(name, counter)                                                                                     \
    void *name(void *object) {                                                                                         \
        static void *cache;                                                                                            \
        if (is_on()) atomic_fetch_add(&self()->counter, 1);                                                            \
        return ((void *(*)(void *))next_symbol(#name, &cache))(object);                                                \
    }

FORWARD_ONE(swift_retain, retains)
FORWARD_ONE(swift_release, releases)
FORWARD_ONE(swift_bridgeObjectRetain, retains)
FORWARD_ONE(swift_bridgeObjectRelease, releases)
