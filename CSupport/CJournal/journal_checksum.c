#include "journal_checksum.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

#define LANES 4u
#define POLYNOMIAL 0x82F63B78u // Castagnoli, bits reversed

typedef uint32_t (*word_step)(uint32_t crc, uint64_t word);

// Bit by bit, some twenty times slower than an instruction: only processors older than any in use lack that.
static uint32_t step_portable(uint32_t crc, uint64_t word) {
    for (unsigned byte = 0; byte < 8; byte++) {
        crc ^= (uint8_t)(word >> (8 * byte));
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (POLYNOMIAL & (0u - (crc & 1u)));
    }
    return crc;
}

// Always inlined with a constant `step`, so each caller has a loop of its own without a call in it.
static inline __attribute__((always_inline)) uint32_t checksum(uint32_t seed, const uint8_t *_Nullable bytes,
                                                               size_t count, word_step _Nonnull step) {
    uint32_t lanes[LANES] = {seed, seed ^ 1u, seed ^ 2u, seed ^ 3u};
    uint64_t words[LANES];
    for (; count >= sizeof words; bytes += sizeof words, count -= sizeof words) {
        memcpy(words, bytes, sizeof words);
        for (unsigned lane = 0; lane < LANES; lane++)
            lanes[lane] = step(lanes[lane], words[lane]);
    }
    // The length of what is left, so that a zero byte at the end counts.
    uint32_t crc = (uint32_t)count;
    for (unsigned lane = 0; lane < LANES; lane += 2)
        crc = step(crc, (uint64_t)lanes[lane + 1] << 32 | lanes[lane]);
    for (; count > 0; bytes += words[0], count -= words[0]) {
        uint64_t word = 0;
        words[0] = count < sizeof word ? count : sizeof word;
        memcpy(&word, bytes, words[0]);
        crc = step(crc, word);
    }
    return ~crc;
}

uint32_t journal_checksum_portable(uint32_t seed, const void *bytes, size_t count_bytes) {
    return checksum(seed, bytes, count_bytes, step_portable);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static inline uint32_t step_sse42(uint32_t crc, uint64_t word) {
    return (uint32_t)_mm_crc32_u64(crc, word);
}

__attribute__((target("sse4.2"))) static uint32_t checksum_sse42(uint32_t seed, const void *bytes, size_t count) {
    return checksum(seed, bytes, count, step_sse42);
}

uint32_t journal_checksum(uint32_t seed, const void *bytes, size_t count_bytes) {
    return __builtin_cpu_supports("sse4.2") ? checksum_sse42(seed, bytes, count_bytes)
                                            : journal_checksum_portable(seed, bytes, count_bytes);
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
static inline uint32_t step_arm(uint32_t crc, uint64_t word) {
    return __crc32cd(crc, word);
}

uint32_t journal_checksum(uint32_t seed, const void *bytes, size_t count_bytes) {
    return checksum(seed, bytes, count_bytes, step_arm);
}
#else
uint32_t journal_checksum(uint32_t seed, const void *bytes, size_t count_bytes) {
    return journal_checksum_portable(seed, bytes, count_bytes);
}
#endif
