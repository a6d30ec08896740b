// The members of a message's payload, as the first pass over the message finds them.
//
// Threads and memory: a payload is its caller's and lives for one message; its values point into the message.

#ifndef TICKLINE_PAYLOAD_H
#define TICKLINE_PAYLOAD_H

#include "decode_result.h"
#include "json_scan.h"

#include <assert.h>
#include <string.h>

// The one-letter keys of a payload: 'A' to 'z' fit one 64-bit set.
#define FIRST_LETTER 'A'
#define LAST_LETTER 'z'
#define LETTER_SPAN (LAST_LETTER - FIRST_LETTER + 1)

static_assert(LETTER_SPAN <= 64, "the letters' set is one word");

// Longer keys that are used: the values of the first four are kept, the others tell what a message without "e" is.
enum payload_name {
    NAME_LAST_UPDATE_ID = 0,
    NAME_BIDS,
    NAME_ASKS,
    NAME_PREVIOUS_UPDATE_ID, // "pu"
    NAME_KEPT_COUNT,
    NAME_RESULT = NAME_KEPT_COUNT,
    NAME_ID,
    NAME_ERROR,
    NAME_CODE,
    NAME_COUNT,
};

struct payload_rules;

struct payload {
    const struct payload_rules *_Nonnull rules;
    uint64_t letters; // only values whose bit is set are initialised
    uint32_t names;   // bits 1 << enum payload_name; kept values likewise
    uint8_t kind;     // enum tick_record_kind by "e", 0 without it
    bool has_stream;  // the envelope's "stream", which is not a member and outlives it
    struct json_value stream;
    struct json_value values[LETTER_SPAN];
    struct json_value named[NAME_KEPT_COUNT];
};

// What a decoder wants of the first pass.
struct payload_rules {
    // Bits 1 << enum tick_record_kind: events to go on with; any other ends the pass with its result.
    uint32_t kinds;
    // Takes the value behind a key that is not simple (simple_members.h), the cursor behind its colon. DECODE_TICK: go
    // on; anything else ends the pass. payload_take_member, or a function that leaves most keys to it.
    enum decode_result (*_Nonnull take_member)(struct json_cursor *_Nonnull cursor,
                                               const struct json_value *_Nonnull key, struct payload *_Nonnull payload);
};

static inline uint64_t letter_bit(uint8_t letter) {
    return 1ull << (letter - FIRST_LETTER);
}

static inline bool has(const struct payload *_Nonnull payload, uint8_t letter) {
    return (payload->letters & letter_bit(letter)) != 0;
}

static inline bool has_name(const struct payload *_Nonnull payload, enum payload_name name) {
    return (payload->names >> name & 1) != 0;
}

static inline bool text_is(const struct json_value *_Nonnull value, const char *_Nonnull text) {
    size_t length = strlen(text);
    return value->byte_count == length && memcmp(value->bytes, text, length) == 0;
}

static inline enum decode_result refusal(enum json_scan_result result) {
    return result == JSON_SCAN_TOO_DEEP ? DECODE_NESTED_TOO_DEEP : DECODE_MALFORMED;
}

// Goes on only while `call` gives DECODE_TICK; keeps decoders readable as lists of fields.
#define REQUIRE(call)                                                                                                  \
    do {                                                                                                               \
        enum decode_result result_of_call = (call);                                                                    \
        if (result_of_call != DECODE_TICK) return result_of_call;                                                      \
    } while (0)

// Keeps the value behind a key of a payload; reads "e" where no event is known yet. Meant for payload_rules.
__attribute__((warn_unused_result)) enum decode_result payload_take_member(struct json_cursor *_Nonnull cursor,
                                                                           const struct json_value *_Nonnull key,
                                                                           struct payload *_Nonnull payload);

// Takes the members of an object, the cursor behind its opening brace, up to and with its closing one.
__attribute__((warn_unused_result)) enum decode_result payload_take_object(struct json_cursor *_Nonnull cursor,
                                                                           struct payload *_Nonnull payload);

// The first pass over a message, raw or in the envelope: fills `*payload` by `rules`. DECODE_TICK: the whole message is
// JSON and all its members are there; anything else is the message's result.
__attribute__((warn_unused_result)) enum decode_result payload_scan(const uint8_t *_Nonnull message,
                                                                    size_t message_bytes,
                                                                    const struct payload_rules *_Nonnull rules,
                                                                    struct payload *_Nonnull payload);

#endif
