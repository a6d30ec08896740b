// What the fuzz targets share: assertions that end the run, copies of exactly their length, an instrument table.
//
// Each target is one program of libFuzzer's (scripts/fuzz builds them with the address and undefined-behaviour
// sanitizers). Its input is copied by libFuzzer into memory of exactly its length, so a read past it is seen.

#ifndef TICKLINE_FUZZ_SUPPORT_H
#define TICKLINE_FUZZ_SUPPORT_H

#include "decode_result.h"
#include "instrument_table.h"
#include "tick_record.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// An invariant: a failure is a crash to libFuzzer, which keeps the input.
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

// A copy in memory of its own; the caller frees it.
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t count) {
    uint8_t *copy = malloc(count > 0 ? count : 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, count);
    return copy;
}

#define KNOWN_SYMBOLS 3

// The instruments that targets know, at scales and with book streams that `variant` chooses; the caller frees it.
static inline struct instrument_table *known_instruments(uint8_t variant) {
    static const char *const symbols[KNOWN_SYMBOLS] = {"BTCUSDT", "ETHUSDT", "B"};
    size_t bytes = instrument_table_bytes(KNOWN_SYMBOLS);
    struct instrument_table *table = aligned_alloc(64, bytes);
    CHECK(table != NULL);
    instrument_table_init(table, KNOWN_SYMBOLS);
    for (uint32_t index = 0; index < KNOWN_SYMBOLS; index++) {
        const uint8_t *symbol = (const uint8_t *)symbols[index];
        uint8_t decimals = (uint8_t)((variant + 4 * index) % (INSTRUMENT_DECIMALS_MAX + 1));
        enum instrument_table_result result = instrument_table_add(table, symbol, strlen(symbols[index]), index,
                                                                   decimals, 8, (uint8_t)(variant >> (4 + index) & 3));
        CHECK(result == INSTRUMENT_TABLE_OK);
    }
    return table;
}

// The message with a space behind every colon outside of strings: the same to JSON, but nothing that the decoders'
// short way takes. The caller frees it.
static inline uint8_t *spaced_copy(const uint8_t *message, size_t message_bytes, size_t *copy_bytes) {
    uint8_t *copy = malloc(2 * message_bytes + 1);
    CHECK(copy != NULL);
    bool is_in_string = false, is_escaped = false;
    *copy_bytes = 0;
    for (size_t i = 0; i < message_bytes; i++) {
        copy[(*copy_bytes)++] = message[i];
        if (message[i] == ':' && !is_in_string) copy[(*copy_bytes)++] = ' ';
        if (message[i] == '"' && !is_escaped) is_in_string = !is_in_string;
        is_escaped = message[i] == '\\' && !is_escaped;
    }
    uint8_t *exact = exact_copy(copy, *copy_bytes);
    free(copy);
    return exact;
}

// Whether the rest of a message is white space alone: only then can what is before it be a message by itself.
static inline bool is_space(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strchr(" \n\r\t", bytes[i]) == NULL || bytes[i] == 0) return false;
    }
    return true;
}

#endif
