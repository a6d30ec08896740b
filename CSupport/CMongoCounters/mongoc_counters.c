#include "mongoc_counters.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The C library may not be set up yet, nor a sanitizer: no memory, no formatting, and system calls by their numbers.
__attribute__((no_sanitize("address", "thread", "undefined"))) static void unlink_counters(void) {
    char name[] = "/dev/shm/mongoc-4294967295";
    char digits[10];
    size_t count = 0, end = sizeof "/dev/shm/mongoc-" - 1;
    for (unsigned long id = (unsigned long)syscall(SYS_getpid); count == 0 || id > 0; id /= 10) {
        digits[count++] = (char)('0' + id % 10);
    }
    while (count > 0)
        name[end++] = digits[--count];
    name[end] = '\0';
    (void)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) static void before_libraries(int count, char **arguments,
                                                                                            char **environment) {
    (void)count, (void)arguments, (void)environment;
    unlink_counters();
}

// Of all code in an executable this alone runs before the libraries' own beginnings.
__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) = before_libraries;

// And this behind them.
__attribute__((constructor)) static void behind_libraries(void) {
    unlink_counters();
}
