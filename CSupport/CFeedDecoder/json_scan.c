#include "json_scan.h"

#include "byte_words.h"

#include <string.h>

static bool is_digit(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10;
}

static bool is_hex_digit(uint8_t byte) {
    return is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 6;
}

static struct json_value value_between(const uint8_t *start, const uint8_t *end, enum json_type type) {
    // A message is at most 2^32-1 bytes long, as payload_scan checks.
    return (struct json_value){.bytes = start, .byte_count = (uint32_t)(end - start), .type = type};
}

// The byte behind a backslash, with its digits; the cursor stands on it.
static bool skip_escape(struct json_cursor *cursor) {
    if (cursor->at == cursor->end) return false;
    uint8_t kind = *cursor->at++;
    if (kind != 'u') return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
    if (cursor->end - cursor->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        if (!is_hex_digit(*cursor->at++)) return false;
    }
    return true;
}

enum json_scan_result json_scan_string(struct json_cursor *cursor, struct json_value *value) {
    if (!json_take(cursor, '"')) return JSON_SCAN_MALFORMED;
    const uint8_t *start = cursor->at;
    enum json_type type = JSON_STRING;
    while (cursor->at < cursor->end) {
        if (cursor->end - cursor->at >= 8) {
            uint64_t breaks = string_breaks(word_at(cursor->at));
            if (breaks == 0) {
                cursor->at += 8;
                continue;
            }
            cursor->at += first_byte(breaks);
        }
        uint8_t byte = *cursor->at++;
        if (byte == '"') {
            *value = value_between(start, cursor->at - 1, type);
            return JSON_SCAN_OK;
        }
        if (byte < 0x20) return JSON_SCAN_MALFORMED;
        if (byte == '\\') {
            type = JSON_ESCAPED_STRING;
            if (!skip_escape(cursor)) return JSON_SCAN_MALFORMED;
        }
    }
    return JSON_SCAN_MALFORMED;
}

static bool skip_digits(struct json_cursor *cursor) {
    const uint8_t *start = cursor->at;
    while (cursor->at < cursor->end && is_digit(*cursor->at))
        cursor->at++;
    return cursor->at > start;
}

static bool at_byte(const struct json_cursor *cursor, uint8_t byte) {
    return cursor->at < cursor->end && *cursor->at == byte;
}

static enum json_scan_result scan_number(struct json_cursor *cursor, struct json_value *value) {
    const uint8_t *start = cursor->at;
    if (at_byte(cursor, '-')) cursor->at++;
    if (at_byte(cursor, '0')) {
        cursor->at++;
    } else if (!skip_digits(cursor)) {
        return JSON_SCAN_MALFORMED;
    }
    if (at_byte(cursor, '.')) {
        cursor->at++;
        if (!skip_digits(cursor)) return JSON_SCAN_MALFORMED;
    }
    if (at_byte(cursor, 'e') || at_byte(cursor, 'E')) {
        cursor->at++;
        if (at_byte(cursor, '+') || at_byte(cursor, '-')) cursor->at++;
        if (!skip_digits(cursor)) return JSON_SCAN_MALFORMED;
    }
    *value = value_between(start, cursor->at, JSON_NUMBER);
    return JSON_SCAN_OK;
}

static enum json_scan_result scan_word(struct json_cursor *cursor, const char *word, enum json_type type,
                                       struct json_value *value) {
    size_t length = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0) {
        return JSON_SCAN_MALFORMED;
    }
    *value = value_between(cursor->at, cursor->at + length, type);
    cursor->at += length;
    return JSON_SCAN_OK;
}

// An object or array, the cursor on its opening byte. Recursion is bounded by `nesting_left`.
static enum json_scan_result scan_container(struct json_cursor *cursor, uint32_t nesting_left, enum json_type type,
                                            struct json_value *value) {
    if (nesting_left == 0) return JSON_SCAN_TOO_DEEP;
    const uint8_t *start = cursor->at++;
    uint8_t closing = type == JSON_OBJECT ? '}' : ']';
    if (!json_take(cursor, closing)) {
        do {
            struct json_value inner;
            enum json_scan_result result;
            if (type == JSON_OBJECT) {
                result = json_scan_string(cursor, &inner);
                if (result != JSON_SCAN_OK) return result;
                if (!json_take(cursor, ':')) return JSON_SCAN_MALFORMED;
            }
            result = json_scan_value(cursor, nesting_left - 1, &inner);
            if (result != JSON_SCAN_OK) return result;
        } while (json_take(cursor, ','));
        if (!json_take(cursor, closing)) return JSON_SCAN_MALFORMED;
    }
    *value = value_between(start, cursor->at, type);
    return JSON_SCAN_OK;
}

enum json_scan_result json_scan_value(struct json_cursor *cursor, uint32_t nesting_left, struct json_value *value) {
    json_skip_space(cursor);
    if (cursor->at == cursor->end) return JSON_SCAN_MALFORMED;
    switch (*cursor->at) {
    case '"':
        return json_scan_string(cursor, value);
    case '{':
        return scan_container(cursor, nesting_left, JSON_OBJECT, value);
    case '[':
        return scan_container(cursor, nesting_left, JSON_ARRAY, value);
    case 't':
        return scan_word(cursor, "true", JSON_TRUE, value);
    case 'f':
        return scan_word(cursor, "false", JSON_FALSE, value);
    case 'n':
        return scan_word(cursor, "null", JSON_NULL, value);
    default:
        return scan_number(cursor, value);
    }
}
