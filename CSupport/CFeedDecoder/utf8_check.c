#include "utf8_check.h"

#include "byte_words.h"

#define TAIL_LOW 0x80u
#define TAIL_HIGH 0xBFu

// The first byte of a character of more than one byte: how many follow and what the next one may be. The narrowed
// ranges refuse overlong forms (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4).
static bool begin_character(struct utf8_state *state, uint8_t byte) {
    state->low = TAIL_LOW;
    state->high = TAIL_HIGH;
    if (byte >= 0xC2 && byte <= 0xDF) {
        state->pending = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        state->pending = 2;
        if (byte == 0xE0) state->low = 0xA0;
        if (byte == 0xED) state->high = 0x9F;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        state->pending = 3;
        if (byte == 0xF0) state->low = 0x90;
        if (byte == 0xF4) state->high = 0x8F;
    } else {
        return false;
    }
    return true;
}

// Bytes of ASCII at the start, in whole steps of 32 and then of 8.
static size_t ascii_prefix(const uint8_t *bytes, size_t byte_count) {
    size_t at = 0;
    for (; byte_count - at >= 32; at += 32) {
        uint64_t any =
            word_at(bytes + at) | word_at(bytes + at + 8) | word_at(bytes + at + 16) | word_at(bytes + at + 24);
        if ((any & EVERY_BYTE(0x80)) != 0) break;
    }
    for (; byte_count - at >= 8; at += 8) {
        if ((word_at(bytes + at) & EVERY_BYTE(0x80)) != 0) break;
    }
    return at;
}

bool utf8_check(struct utf8_state *state, const uint8_t *bytes, size_t byte_count) {
    size_t at = 0;
    while (at < byte_count) {
        if (state->pending == 0) {
            at += ascii_prefix(bytes + at, byte_count - at);
            if (at == byte_count) break;
            uint8_t byte = bytes[at++];
            if (byte >= 0x80 && !begin_character(state, byte)) return false;
        } else {
            uint8_t byte = bytes[at++];
            if (byte < state->low || byte > state->high) return false;
            state->pending--;
            state->low = TAIL_LOW;
            state->high = TAIL_HIGH;
        }
    }
    return true;
}
