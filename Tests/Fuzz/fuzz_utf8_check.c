// The streaming check against the table of RFC 3629 read plainly, whole and cut in two.

#include "fuzz_support.h"
#include "utf8_check.h"

// The length of the character at `bytes` by the syntax of RFC 3629, section 4; 0 for none.
static size_t character_bytes(const uint8_t *bytes, size_t left) {
    static const struct {
        uint8_t first_low, first_high, second_low, second_high;
        size_t count;
    } rows[] = {
        {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        if (bytes[0] < rows[row].first_low || bytes[0] > rows[row].first_high) continue;
        if (rows[row].count > left) return 0;
        if (rows[row].count > 1 && (bytes[1] < rows[row].second_low || bytes[1] > rows[row].second_high)) return 0;
        for (size_t i = 2; i < rows[row].count; i++) {
            if (bytes[i] < 0x80 || bytes[i] > 0xBF) return 0;
        }
        return rows[row].count;
    }
    return 0;
}

static bool is_utf8(const uint8_t *bytes, size_t left) {
    while (left > 0) {
        size_t count = character_bytes(bytes, left);
        if (count == 0) return false;
        bytes += count;
        left -= count;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool expected = is_utf8(data, size);
    for (size_t cut = 0; cut <= size; cut += 1 + size / 64) {
        uint8_t *head = exact_copy(data, cut);
        struct utf8_state state = {0};
        bool is_good = utf8_check(&state, head, cut) && utf8_check(&state, data + cut, size - cut);
        CHECK((is_good && utf8_is_complete(&state)) == expected);
        free(head);
    }
    return 0;
}
