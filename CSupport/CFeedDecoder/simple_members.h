// A payload's one-letter members, and the short way through those that look as nearly all do.
//
// Threads and memory: as in trade_decode.h. Only what is beyond doubt is taken here; everything else, and every
// refusal, is left to the general scanner in json_scan.h, so that there is one place that says what JSON is.

#ifndef TICKLINE_SIMPLE_MEMBERS_H
#define TICKLINE_SIMPLE_MEMBERS_H

#include "json_scan.h"

#include <assert.h>

// The one-letter keys of a payload: 'A' to 'z' fit one 64-bit set.
#define FIRST_LETTER 'A'
#define LAST_LETTER 'z'
#define LETTER_SPAN (LAST_LETTER - FIRST_LETTER + 1)

static_assert(LETTER_SPAN <= 64, "the letters' set is one word");

struct payload {
    uint64_t letters; // only values whose bit is set are initialised
    uint32_t names;   // enum named_key
    uint8_t kind;     // enum tick_record_kind, 0 without "e"
    struct json_value values[LETTER_SPAN];
};

static inline uint64_t letter_bit(uint8_t letter) {
    return 1ull << (letter - FIRST_LETTER);
}

static inline bool has(const struct payload *_Nonnull payload, uint8_t letter) {
    return (payload->letters & letter_bit(letter)) != 0;
}

// Takes members as long as they are simple: a one-letter key that is new; a string without escapes, an integer, true or
// false; no white space. True: the cursor stands behind a member, which is "e" or followed by something else than
// another member. False: it stands before a member that is not simple, or at something that is no member.
__attribute__((warn_unused_result)) bool simple_members_take(struct json_cursor *_Nonnull cursor,
                                                             struct payload *_Nonnull payload);

#endif
