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

// A decoder of messages into records of one size.
typedef enum decode_result (*record_decoder)(const struct instrument_table *table, const uint8_t *message,
                                             size_t message_bytes, void *records);

// Decodes an input: its first byte chooses the instruments and a cut, the rest is the message. What is taken (`taken`)
// must pass `check`, be the same with white space in it, and be nothing when cut.
static inline void fuzz_decoder(const uint8_t *data, size_t size, record_decoder decode, enum decode_result taken,
                                size_t record_bytes, void (*check)(const void *records)) {
    if (size == 0) return;
    struct instrument_table *table = known_instruments(data[0]);
    const uint8_t *message = data + 1;
    size_t message_bytes = size - 1;
    void *records = calloc(1, record_bytes), *others = calloc(1, record_bytes);
    CHECK(records != NULL && others != NULL);
    enum decode_result result = decode(table, message, message_bytes, records);

    size_t spaced_bytes;
    uint8_t *spaced = spaced_copy(message, message_bytes, &spaced_bytes);
    CHECK(decode(table, spaced, spaced_bytes, others) == result);
    free(spaced);
    if (result == taken) {
        check(records);
        CHECK(memcmp(records, others, record_bytes) == 0);
    }

    size_t cut = message_bytes * data[0] / 256;
    uint8_t *prefix = exact_copy(message, cut);
    enum decode_result before = decode(table, prefix, cut, others);
    if (result == taken && before != DECODE_MALFORMED) {
        CHECK(before == taken && is_space(message + cut, message_bytes - cut));
    }
    free(prefix);
    free(records);
    free(others);
    free(table);
}

#endif
