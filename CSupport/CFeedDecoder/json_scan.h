// A cursor over JSON text (RFC 8259) that finds where values begin and end without building anything.
//
// Threads and memory: a cursor is its caller's; values point into the scanned text. Nothing is read at or past `end`.
// Grammar is checked in full but for one thing: strings are not checked to be UTF-8.

#ifndef TICKLINE_JSON_SCAN_H
#define TICKLINE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_scan_result { JSON_SCAN_OK = 0, JSON_SCAN_MALFORMED, JSON_SCAN_TOO_DEEP };

enum json_type {
    JSON_STRING,         // the text between the quotes
    JSON_ESCAPED_STRING, // the same, with at least one backslash in it
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_OBJECT,
    JSON_ARRAY,
};

struct json_value {
    const uint8_t *_Nonnull bytes;
    uint32_t byte_count;
    enum json_type type;
};

struct json_cursor {
    const uint8_t *_Nonnull at;
    const uint8_t *_Nonnull end;
};

static inline void json_skip_space(struct json_cursor *_Nonnull cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t')) {
        cursor->at++;
    }
}

// Skips white space, then `byte`; false where something else or nothing is there.
static inline bool json_take(struct json_cursor *_Nonnull cursor, uint8_t byte) {
    json_skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != byte) return false;
    cursor->at++;
    return true;
}

// Scans a string behind optional white space.
__attribute__((warn_unused_result)) enum json_scan_result json_scan_string(struct json_cursor *_Nonnull cursor,
                                                                           struct json_value *_Nonnull value);

// Scans any value behind optional white space; `nesting_left` containers may lie inside each other.
__attribute__((warn_unused_result)) enum json_scan_result
json_scan_value(struct json_cursor *_Nonnull cursor, uint32_t nesting_left, struct json_value *_Nonnull value);

#endif
