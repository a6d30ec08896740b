#include "json_check.h"

#include "decode_result.h"
#include "json_scan.h"

bool json_is_object(const uint8_t *bytes, size_t byte_count) {
    if (bytes == NULL || byte_count > UINT32_MAX) return false;
    struct json_cursor cursor = {.at = bytes, .end = bytes + byte_count};
    struct json_value value;
    if (json_scan_value(&cursor, DECODE_NESTING_MAX, &value) != JSON_SCAN_OK || value.type != JSON_OBJECT) return false;
    json_skip_space(&cursor);
    return cursor.at == cursor.end;
}
