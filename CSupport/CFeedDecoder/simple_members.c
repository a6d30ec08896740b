#include "simple_members.h"

#include "byte_words.h"

// `"x":` and the shortest value, one digit, and what ends the object.
#define SHORTEST_BYTES 6

// `"x":` as a word, whatever x is.
#define KEY_FORM_MASK 0xFFFF00FFu
#define KEY_FORM ('"' | '"' << 16 | (uint32_t)':' << 24)

// Out of line: inlined into one loop the two below spill each other's constants.
#define OUT_OF_LINE __attribute__((noinline))

// The quote that ends a string without escapes; NULL where something else that is rare comes first.
OUT_OF_LINE static const uint8_t *closing_quote(const uint8_t *at, const uint8_t *end) {
    while (end - at >= 8) {
        uint64_t breaks = string_breaks(word_at(at));
        if (breaks != 0) {
            at += first_byte(breaks);
            return *at == '"' ? at : NULL;
        }
        at += 8;
    }
    while (at<end && * at> '"' && *at != '\\')
        at++;
    return at < end && *at == '"' ? at : NULL;
}

// The end of an integer that is followed by a comma or brace; NULL where it is anything else.
OUT_OF_LINE static const uint8_t *end_of_integer(const uint8_t *start, const uint8_t *end) {
    const uint8_t *at = start;
    uint64_t others = 0;
    while (others == 0 && end - at >= 8) {
        others = non_digits(word_at(at));
        at += others == 0 ? 8 : first_byte(others);
    }
    while (at < end && (uint8_t)(*at - '0') < 10)
        at++;
    if (at == start || at == end || (*at != ',' && *at != '}')) return NULL;
    return *start == '0' && at - start > 1 ? NULL : at;
}

// Finds the value at `start`; what follows it, NULL where it is not simple.
static inline const uint8_t *simple_value(const uint8_t *start, const uint8_t *end, struct json_value *value) {
    if (*start == '"') {
        const uint8_t *quote = closing_quote(start + 1, end);
        if (quote == NULL) return NULL;
        *value = (struct json_value){start + 1, (uint32_t)(quote - start - 1), JSON_STRING};
        return quote + 1;
    }
    if (*start - '0' < 10u) {
        const uint8_t *behind = end_of_integer(start, end);
        if (behind == NULL) return NULL;
        *value = (struct json_value){start, (uint32_t)(behind - start), JSON_NUMBER};
        return behind;
    }
    if (end - start >= 4 && memcmp(start, "true", 4) == 0) {
        *value = (struct json_value){start, 4, JSON_TRUE};
        return start + 4;
    }
    if (end - start >= 5 && memcmp(start, "false", 5) == 0) {
        *value = (struct json_value){start, 5, JSON_FALSE};
        return start + 5;
    }
    return NULL;
}

bool simple_members_take(struct json_cursor *cursor, struct payload *payload) {
    // Kept in registers; the cursor is written once.
    const uint8_t *at = cursor->at;
    const uint8_t *const end = cursor->end;
    // A backslash is no key: it counts as taken here, which saves a comparison.
    uint64_t taken = payload->letters | letter_bit('\\');
    bool is_behind_member = false;
    while (end - at >= SHORTEST_BYTES) {
        uint32_t key;
        memcpy(&key, at, sizeof key);
        uint32_t letter = (key >> 8 & 0xFF) - FIRST_LETTER;
        if ((key & KEY_FORM_MASK) != KEY_FORM || letter >= LETTER_SPAN || (taken >> letter & 1) != 0) break;
        const uint8_t *behind = simple_value(at + sizeof key, end, &payload->values[letter]);
        if (behind == NULL) break;
        taken |= 1ull << letter;
        at = behind;
        is_behind_member = letter == 'e' - FIRST_LETTER || end - at < 2 || at[0] != ',' || at[1] != '"';
        if (is_behind_member) break;
        at++;
    }
    cursor->at = at;
    payload->letters |= taken & ~letter_bit('\\');
    return is_behind_member;
}
