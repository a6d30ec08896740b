// The instruments that a connection's messages may name, by symbol.
//
// Threads: filled by one thread before anything is decoded, read-only from then on, so any number of threads may use
// it. Memory: the caller's. Nothing allocates or blocks. A table is an open-addressed hash table, at most half full.

#ifndef TICKLINE_INSTRUMENT_TABLE_H
#define TICKLINE_INSTRUMENT_TABLE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

// Longest symbol in bytes; Binance's longest is well below.
#define INSTRUMENT_SYMBOL_BYTES_MAX 48
// 10^12 is the finest scale.
#define INSTRUMENT_DECIMALS_MAX 12

// Which book streams of an instrument a connection subscribes: what tells a book whose message does not tell itself.
#define INSTRUMENT_DIFF_STREAM 1u
#define INSTRUMENT_PARTIAL_STREAM 2u

struct instrument {
    uint8_t symbol[INSTRUMENT_SYMBOL_BYTES_MAX]; // upper case, zeros behind it
    uint8_t symbol_bytes;                        // 0 in an empty slot
    uint8_t price_decimals;
    uint8_t quantity_decimals;
    uint8_t book_streams; // INSTRUMENT_ bits
    uint8_t pad[8];
    uint32_t index; // the record's
};

static_assert(sizeof(struct instrument) == 64, "one cache line");

// The slots follow.
struct instrument_table {
    uint32_t slot_count; // a power of two
    uint32_t used_count;
    uint32_t partial_count;    // instruments with INSTRUMENT_PARTIAL_STREAM
    uint32_t partial_position; // slot of the last of them
    uint8_t pad[48];
};

static_assert(sizeof(struct instrument_table) == 64, "the slots stay aligned");

enum instrument_table_result {
    INSTRUMENT_TABLE_OK = 0,
    INSTRUMENT_TABLE_BAD_SYMBOL,
    INSTRUMENT_TABLE_BAD_SCALE,
    INSTRUMENT_TABLE_DUPLICATE,
    INSTRUMENT_TABLE_FULL
};

// Bytes for a table of `instrument_count` instruments (at most 2^20; 0 beyond).
size_t instrument_table_bytes(uint32_t instrument_count);

// Makes an empty table in `memory`, 64-byte aligned and instrument_table_bytes() long.
void instrument_table_init(struct instrument_table *_Nonnull memory, uint32_t instrument_count);

// Adds one instrument; before any thread decodes. The symbol is copied. `book_streams` are INSTRUMENT_ bits.
__attribute__((warn_unused_result)) enum instrument_table_result
instrument_table_add(struct instrument_table *_Nonnull table, const uint8_t *_Nonnull symbol, size_t symbol_bytes,
                     uint32_t index, uint8_t price_decimals, uint8_t quantity_decimals, uint8_t book_streams);

#endif
