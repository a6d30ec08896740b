// Says whether bytes are one whole JSON object (RFC 8259): for those who hand messages on as JSON.
//
// Threads and memory: pure; the bytes are the caller's. Nothing allocates or blocks. Cost: one pass. The bytes are not
// checked to be UTF-8 (utf8_check.h).

#ifndef TICKLINE_JSON_CHECK_H
#define TICKLINE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True for one object with nothing but white space around it, containers nested to DECODE_NESTING_MAX at most.
__attribute__((warn_unused_result)) bool json_is_object(const uint8_t *_Nullable bytes, size_t byte_count);

#endif
