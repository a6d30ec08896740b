#include "decimal_text.h"

static bool is_digit(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10;
}

// value = value * 10 + digit; false where that leaves 64 bits.
static bool append_digit(int64_t *value, uint8_t byte) {
    return !__builtin_mul_overflow(*value, 10, value) && !__builtin_add_overflow(*value, byte - '0', value);
}

enum trade_decode_result decimal_text_scaled(const uint8_t *text, size_t text_bytes, uint8_t decimals,
                                             int64_t *scaled) {
    const uint8_t *at = text;
    const uint8_t *end = text + text_bytes;
    if (at < end && *at == '-')
        return at + 1 < end && is_digit(at[1]) ? TRADE_DECODE_NEGATIVE : TRADE_DECODE_NOT_A_NUMBER;
    if (at == end || !is_digit(*at)) return TRADE_DECODE_NOT_A_NUMBER;
    if (*at == '0' && at + 1 < end && is_digit(at[1])) return TRADE_DECODE_NOT_A_NUMBER;
    int64_t value = 0;
    for (; at < end && is_digit(*at); at++) {
        if (!append_digit(&value, *at)) return TRADE_DECODE_TOO_LARGE;
    }
    uint8_t places_left = decimals;
    if (at < end && *at == '.') {
        at++;
        if (at == end || !is_digit(*at)) return TRADE_DECODE_NOT_A_NUMBER;
        for (; at < end && is_digit(*at); at++) {
            if (places_left > 0) {
                if (!append_digit(&value, *at)) return TRADE_DECODE_TOO_LARGE;
                places_left--;
            } else if (*at != '0') {
                return TRADE_DECODE_TOO_PRECISE;
            }
        }
    }
    if (at < end) return *at == 'e' || *at == 'E' ? TRADE_DECODE_EXPONENT : TRADE_DECODE_NOT_A_NUMBER;
    for (; places_left > 0; places_left--) {
        if (!append_digit(&value, '0')) return TRADE_DECODE_TOO_LARGE;
    }
    *scaled = value;
    return TRADE_DECODE_TICK;
}

bool decimal_text_integer(const uint8_t *text, size_t text_bytes, int64_t *value) {
    if (text_bytes == 0) return false;
    int64_t result = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        if (!is_digit(text[i]) || !append_digit(&result, text[i])) return false;
    }
    *value = result;
    return true;
}
