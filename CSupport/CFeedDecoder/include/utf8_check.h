// Streaming check that text is UTF-8 (RFC 3629, section 4), as RFC 6455, section 8.1 asks of text messages.
//
// Threads: no state of its own; the caller's `struct utf8_state` belongs to one thread. Memory: the caller's; nothing
// allocates or blocks. Cost: linear; 32 bytes of ASCII at a step.

#ifndef TICKLINE_UTF8_CHECK_H
#define TICKLINE_UTF8_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where in a character the text seen so far ended. Zeroed memory is the start of a text.
struct utf8_state {
    uint8_t pending; // continuation bytes still to come
    uint8_t low;     // the next byte's range, while `pending` is above 0
    uint8_t high;
};

// Takes the next `byte_count` bytes of a text; false at the first byte that no UTF-8 text can have there, after which
// the state means nothing. `bytes` may be NULL when `byte_count` is 0.
__attribute__((warn_unused_result)) bool utf8_check(struct utf8_state *_Nonnull state, const uint8_t *_Nullable bytes,
                                                    size_t byte_count);

// Whether a text may end here: not inside a character.
static inline bool utf8_is_complete(const struct utf8_state *_Nonnull state) {
    return state->pending == 0;
}

#endif
