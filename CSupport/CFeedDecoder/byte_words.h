// Looks at text eight bytes at a time. All functions read only the bytes they are told of; any thread.
//
// The masks below have a byte's top bit set where the byte fits the description. A mask is exact up to and including
// its lowest set bit, which is all that is used: borrows and carries only run upwards from a byte that fits.

#ifndef TICKLINE_BYTE_WORDS_H
#define TICKLINE_BYTE_WORDS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a text is the lowest of its word");

#define EVERY_BYTE(byte) (0x0101010101010101u * (uint64_t)(byte))

// The eight bytes at `text`.
static inline uint64_t word_at(const uint8_t *_Nonnull text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

// The first `text_bytes` (at most 8) bytes, zeros behind them.
static inline uint64_t word_of(const uint8_t *_Nonnull text, size_t text_bytes) {
    if (text_bytes >= 8) return word_at(text);
    if (text_bytes >= 4) {
        // Two halves that overlap: both say the same where they do.
        uint32_t low, high;
        memcpy(&low, text, sizeof low);
        memcpy(&high, text + text_bytes - 4, sizeof high);
        return low | (uint64_t)high << (8 * (text_bytes - 4));
    }
    uint64_t word = 0;
    for (size_t i = 0; i < text_bytes; i++)
        word |= (uint64_t)text[i] << (8 * i);
    return word;
}

// Which byte the lowest set bit of a mask, not empty, stands for.
static inline uint32_t first_byte(uint64_t mask) {
    return (uint32_t)__builtin_ctzll(mask) / 8;
}

// Bytes that are no decimal digit. Empty only when all eight are digits.
static inline uint64_t non_digits(uint64_t word) {
    // Digits become 0 to 9: only they stay below 0x80 when 0x76 is added.
    uint64_t values = word ^ EVERY_BYTE('0');
    return (values | (values + EVERY_BYTE(0x76))) & EVERY_BYTE(0x80);
}

// Bytes that may not be plain text of a JSON string: all up to the quote (control characters, space, '!'), and
// backslashes.
static inline uint64_t string_breaks(uint64_t word) {
    uint64_t backslash = word ^ EVERY_BYTE('\\');
    uint64_t found = ((word - EVERY_BYTE('"' + 1)) & ~word) | ((backslash - EVERY_BYTE(1)) & ~backslash);
    return found & EVERY_BYTE(0x80);
}

// The number that eight bytes spell, each '0' to '9' or 0 to 9 (a zero byte stands for the digit 0), first byte first.
static inline uint64_t number_of(uint64_t word) {
    // Neighbours are joined: 8 digits, then 4 pairs, then 2 fours; the low nibble is the digit in both spellings.
    word &= EVERY_BYTE(0x0F);
    word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFu;
    word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFu;
    return (word * 10000 + (word >> 32)) & 0xFFFFFFFFu;
}

// The first `count` (1 to 8) bytes moved to the end, zeros before them: leading digits for number_of.
static inline uint64_t aligned_right(uint64_t word, uint32_t count) {
    return word << (8 * (8 - count));
}

#endif
