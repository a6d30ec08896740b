// Preloaded into a process under test: it gets no memory, a file's or any other, for a second segment of one size.
//
// WITHHELD_BYTES is that size: the first mapping of it that may be written is granted, every other one refused. The
// kernel is asked directly, not through the next library, which may map memory while it is looked for.
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t withheld_bytes;
static atomic_int granted;

__attribute__((constructor)) static void read_size(void) {
    const char *words = getenv("WITHHELD_BYTES");
    withheld_bytes = words ? strtoull(words, NULL, 10) : 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    // relaxed: a number by itself.
    if (withheld_bytes > 0 && length == withheld_bytes && (protection & PROT_WRITE) &&
        atomic_fetch_add_explicit(&granted, 1, memory_order_relaxed) > 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    return mmap(address, length, protection, flags, file, offset);
}
