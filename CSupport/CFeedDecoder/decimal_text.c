#include "decimal_text.h"

#include "byte_words.h"
#include "instrument_table.h"

#include <string.h>

// 10^n for each scale.
static const int64_t powers_of_ten[INSTRUMENT_DECIMALS_MAX + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
};

static bool is_digit(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10;
}

// value = value * 10 + digit; false where that leaves 64 bits.
static bool append_digit(int64_t *value, uint8_t byte) {
    return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, byte - '0', value);
}

// The rules in full, byte by byte: decides what the short way leaves, and gives every refusal its reason.
static enum decode_result scaled_bytewise(const uint8_t *text, size_t text_bytes, uint8_t decimals, int64_t *scaled) {
    const uint8_t *at = text;
    const uint8_t *end = text + text_bytes;
    if (at < end && *at == '-') return at + 1 < end && is_digit(at[1]) ? DECODE_NEGATIVE : DECODE_NOT_A_NUMBER;
    if (at == end || !is_digit(*at)) return DECODE_NOT_A_NUMBER;
    if (*at == '0' && at + 1 < end && is_digit(at[1])) return DECODE_NOT_A_NUMBER;
    int64_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        if (!append_digit(&value, *at)) return DECODE_TOO_LARGE;
    }
    uint8_t places_left = decimals;
    if (at < end && *at == '.') {
        at++;
        if (at == end || !is_digit(*at)) return DECODE_NOT_A_NUMBER;
        for (; at < end && is_digit(*at); at++) {
            if (places_left > 0) {
                if (!append_digit(&value, *at)) return DECODE_TOO_LARGE;
                places_left--;
            } else if (*at != '0') {
                return DECODE_TOO_PRECISE;
            }
        }
    }
    if (at < end) return *at == 'e' || *at == 'E' ? DECODE_EXPONENT : DECODE_NOT_A_NUMBER;
    for (; places_left > 0; places_left--) {
        if (!append_digit(&value, '0')) return DECODE_TOO_LARGE;
    }
    *scaled = value;
    return DECODE_TICK;
}

// Two callers: out of line it costs a trade's decoding 4 %.
#define ALWAYS_INLINE __attribute__((always_inline))

// The short way, for nearly all texts there are: 1 to 7 whole digits, a point and 1 to 8 decimals that the scale takes.
// False without a verdict where a text is anything else.
ALWAYS_INLINE static inline bool scaled_at_once(const uint8_t *text, size_t text_bytes, uint8_t decimals,
                                                int64_t *scaled, uint8_t *digits) {
    if (text_bytes < 3 || text_bytes > 16) return false;
    uint64_t head = word_of(text, text_bytes);
    uint64_t others = non_digits(head);
    if (others == 0) return false;
    uint32_t whole_digits = first_byte(others);
    if (whole_digits == 0 || whole_digits + 1 >= text_bytes) return false;
    if (text[whole_digits] != '.' || (text[0] == '0' && whole_digits > 1)) return false;
    uint32_t decimal_digits = (uint32_t)text_bytes - whole_digits - 1;
    if (decimal_digits > 8 || decimal_digits > decimals) return false;
    // The decimals at the upper end of the word, digits before them.
    uint32_t unused_bits = 8 * (8 - decimal_digits);
    uint64_t tail = text_bytes >= 8 ? word_at(text + text_bytes - 8) : head << (8 * (8 - text_bytes));
    tail = tail >> unused_bits << unused_bits;
    if (non_digits(tail | (EVERY_BYTE('0') & ~(UINT64_MAX << unused_bits))) != 0) return false;
    int64_t whole = (int64_t)number_of(aligned_right(head, whole_digits));
    int64_t fraction = (int64_t)number_of(tail);
    // The fraction's part stays below 10^decimals <= 10^12. The whole part's bound is 10^7 * 10^12, which is too large.
    int64_t value;
    if (__builtin_mul_overflow(whole, powers_of_ten[decimals], &value)) return false;
    if (__builtin_add_overflow(value, fraction * powers_of_ten[decimals - decimal_digits], &value)) return false;
    *scaled = value;
    *digits = (uint8_t)decimal_digits;
    return true;
}

enum decode_result decimal_text_scaled(const uint8_t *text, size_t text_bytes, uint8_t decimals, int64_t *scaled) {
    uint8_t digits;
    if (scaled_at_once(text, text_bytes, decimals, scaled, &digits)) return DECODE_TICK;
    return scaled_bytewise(text, text_bytes, decimals, scaled);
}

enum decode_result decimal_text_exact(const uint8_t *text, size_t text_bytes, uint8_t decimals, int64_t *scaled,
                                      uint8_t *digits) {
    if (scaled_at_once(text, text_bytes, decimals, scaled, digits)) return DECODE_TICK;
    enum decode_result result = scaled_bytewise(text, text_bytes, decimals, scaled);
    if (result != DECODE_TICK) return result;
    const uint8_t *point = memchr(text, '.', text_bytes);
    size_t count = point == NULL ? 0 : (size_t)(text + text_bytes - point) - 1;
    if (count > UINT8_MAX) return DECODE_TOO_PRECISE;
    *digits = (uint8_t)count;
    return DECODE_TICK;
}

bool decimal_text_integer(const uint8_t *text, size_t text_bytes, int64_t *value) {
    if (text_bytes == 0) return false;
    if (text_bytes > 8 && text_bytes <= 16) {
        // Both words lie in the text and cover it; at most 16 digits fit 64 bits.
        uint64_t head = word_at(text);
        uint64_t tail = word_at(text + text_bytes - 8);
        if ((non_digits(head) | non_digits(tail)) != 0) return false;
        *value = (int64_t)(number_of(aligned_right(head, (uint32_t)text_bytes - 8)) * 100000000 + number_of(tail));
        return true;
    }
    int64_t result = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        if (!is_digit(text[i]) || !append_digit(&result, text[i])) return false;
    }
    *value = result;
    return true;
}
