// The C library's functions that wait, tell the time, give random bytes and make threads, for simulated threads.
#include "scheduler.h"
#include "simulated_system.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The definition that this one stands in front of.
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

// 2033; the date matters to nobody.
static const uint64_t wall_clock_start_ns = 2000000000000000000ull;

// Where the executable's own code begins and ends; made by the linker.
extern const char __executable_start, etext;

static bool is_own_code(const void *place) {
    return (uintptr_t)place >= (uintptr_t)&__executable_start && (uintptr_t)place < (uintptr_t)&etext;
}

// MARK: time

int clock_gettime(clockid_t clock, struct timespec *result) {
    REAL(clock_gettime);
    if (!sim_self) return real(clock, result);
    uint64_t now = sim_now_ns();
    // A library may ask while it holds a lock, jemalloc does: then nobody else may run, and time stands still.
    if (is_own_code(__builtin_return_address(0))) {
        sim_frequent_call();
        now = sim_tick(30);
    }
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now += wall_clock_start_ns;
    result->tv_sec = (time_t)(now / 1000000000);
    result->tv_nsec = (long)(now % 1000000000);
    return 0;
}

static void sleep_ns(uint64_t ns) {
    sim_self->wait = SIM_SLEEPS;
    sim_self->deadline_ns = sim_now_ns() + ns;
    sim_give_way();
}

int usleep(useconds_t micros) {
    REAL(usleep);
    if (!sim_self) return real(micros);
    sleep_ns((uint64_t)micros * 1000);
    return 0;
}

int sched_yield(void) {
    REAL(sched_yield);
    if (!sim_self) return real();
    // Somebody else holds what the caller waits for.
    sim_self->wait = SIM_RUNS;
    sim_give_way();
    return 0;
}

// Real time, for those who are not simulated.
void sim_stand_still(void) {
    struct sim_thread *self = sim_self;
    sim_self = NULL;
    sched_yield();
    sim_self = self;
}

int nanosleep(const struct timespec *time, struct timespec *left) {
    REAL(nanosleep);
    if (!sim_self) return real(time, left);
    sleep_ns((uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec);
    return 0;
}

// MARK: random bytes

static void fill(void *bytes, size_t count) {
    unsigned char *next = bytes;
    while (count > 0) {
        uint64_t number = sim_random();
        size_t part = count < sizeof number ? count : sizeof number;
        memcpy(next, &number, part);
        next += part;
        count -= part;
    }
}

ssize_t getrandom(void *bytes, size_t count, unsigned flags) {
    REAL(getrandom);
    if (!sim_self) return real(bytes, count, flags);
    fill(bytes, count);
    return (ssize_t)count;
}

int getentropy(void *bytes, size_t count) {
    REAL(getentropy);
    if (!sim_self) return real(bytes, count);
    fill(bytes, count);
    return 0;
}

// libcrypto's generator, and the Swift library's.
int RAND_bytes(unsigned char *bytes, int count);
int RAND_bytes(unsigned char *bytes, int count) {
    REAL(RAND_bytes);
    if (!sim_self) return real(bytes, count);
    fill(bytes, (size_t)count);
    return 1;
}

void swift_stdlib_random(void *bytes, size_t count);
void swift_stdlib_random(void *bytes, size_t count) {
    REAL(swift_stdlib_random);
    if (sim_self)
        fill(bytes, count);
    else
        real(bytes, count);
}

// MARK: threads

static void *run(void *argument) {
    struct sim_thread *self = argument;
    sim_self = self;
    while (sem_wait(&self->turn) != 0 && errno == EINTR) {
    }
    self->wait = SIM_RUNS;
    void *result = self->body(self->argument);
    self->wait = SIM_ENDED;
    sim_leave();
    return result;
}

// Threads of the executable's own code; those of libraries (Swift's pool, libcurl's resolver) stay as they are.
static bool is_ours(void *(*body)(void *)) {
    return is_own_code((const void *)(uintptr_t)body);
}

int pthread_create(pthread_t *handle, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    REAL(pthread_create);
    if (!sim_self || !is_ours(body)) return real(handle, attributes, body, argument);
    struct sim_thread *thread = sim_add_thread(body, argument);
    int code = real(handle, attributes, run, thread);
    thread->handle = *handle;
    return code;
}

int pthread_join(pthread_t handle, void **result) {
    REAL(pthread_join);
    struct sim_thread *thread = sim_self ? sim_find(handle) : NULL;
    if (thread) {
        sim_self->wait = SIM_JOINS;
        sim_self->joined = thread;
        sim_give_way();
    }
    return real(handle, result);
}

int pthread_setname_np(pthread_t handle, const char *name) {
    REAL(pthread_setname_np);
    if (sim_self) strncpy(sim_self->name, name, sizeof sim_self->name - 1);
    return real(handle, name);
}

// MARK: futex

static long wait_word(const uint32_t *word, uint32_t expected, const struct timespec *timeout) {
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != expected) {
        errno = EAGAIN;
        return -1;
    }
    sim_self->wait = SIM_FUTEX;
    sim_self->word = word;
    sim_self->expected = expected;
    sim_self->deadline_ns =
        timeout ? sim_now_ns() + (uint64_t)timeout->tv_sec * 1000000000 + (uint64_t)timeout->tv_nsec : UINT64_MAX;
    sim_give_way();
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != expected) return 0;
    errno = ETIMEDOUT;
    return -1;
}

long syscall(long number, ...) {
    REAL(syscall);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (sim_self && number == SYS_futex) {
        int operation = (int)arguments[1] & FUTEX_CMD_MASK;
        if (operation == FUTEX_WAIT)
            return wait_word((const uint32_t *)arguments[0], (uint32_t)arguments[2],
                             (const struct timespec *)arguments[3]);
        if (operation == FUTEX_WAKE) {
            // A thread that is not simulated may wait there as well.
            long woken = real(number, arguments[0], arguments[1], arguments[2], 0L, 0L, 0L);
            sim_call("wake");
            return woken;
        }
    }
    // Swift's Mutex is a priority-inheriting one, and its holder may have given way.
    if (sim_self && number == SYS_futex && ((int)arguments[1] & FUTEX_CMD_MASK) == FUTEX_LOCK_PI) {
        const uint32_t *word = (const uint32_t *)arguments[0];
        while (real(number, word, FUTEX_TRYLOCK_PI_PRIVATE, 0L, 0L, 0L, 0L) != 0) {
            uint32_t held = __atomic_load_n(word, __ATOMIC_ACQUIRE);
            if (held != 0) (void)wait_word(word, held, NULL);
        }
        return 0;
    }
    if (sim_self && number == SYS_getrandom) {
        fill((void *)arguments[0], (size_t)arguments[1]);
        return arguments[1];
    }
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

// MARK: disk

// A killed process holds no lock, though its descriptors stay open here.
int flock(int descriptor, int operation) {
    REAL(flock);
    return sim_self ? 0 : real(descriptor, operation);
}

// When files were made, made anew by renaming, or synchronised: what simulated threads are told of their age.
enum { MOST_FILES = 4096 };

static struct {
    ino_t number;
    uint64_t made_ns;
} files[MOST_FILES];
static int file_count;

static void note_file(const struct stat *file) {
    int index = 0;
    while (index < file_count && files[index].number != file->st_ino)
        index++;
    if (index == MOST_FILES) return;
    if (index == file_count) file_count++;
    files[index].number = file->st_ino;
    files[index].made_ns = sim_now_ns();
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    if (!sim_self) return real(descriptor);
    sim_call("sync");
    struct stat file;
    if (fstat(descriptor, &file) == 0) note_file(&file);
    if (!sim_is_disk_failing) return 0;
    errno = EIO;
    return -1;
}

int stat(const char *restrict path, struct stat *restrict file) {
    REAL(stat);
    int code = real(path, file);
    if (!sim_self || code != 0) return code;
    for (int index = 0; index < file_count; index++) {
        if (files[index].number != file->st_ino) continue;
        uint64_t time = wall_clock_start_ns + files[index].made_ns;
        file->st_mtim.tv_sec = (time_t)(time / 1000000000);
        file->st_mtim.tv_nsec = (long)(time % 1000000000);
    }
    return code;
}

int rename(const char *old, const char *new) {
    REAL(rename);
    int code = real(old, new);
    struct stat file;
    if (sim_self && code == 0 && fstatat(AT_FDCWD, new, &file, 0) == 0) note_file(&file);
    return code;
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    REAL(posix_fallocate);
    if (!sim_self) return real(descriptor, offset, length);
    sim_call("allocate");
    struct stat file;
    if (fstat(descriptor, &file) == 0) note_file(&file);
    return sim_is_disk_full ? ENOSPC : real(descriptor, offset, length);
}
