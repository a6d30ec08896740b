// The 64-byte record that decoders write and rings carry. A layout only; who may write it when is its owner's affair.

#ifndef TICKLINE_TICK_RECORD_H
#define TICKLINE_TICK_RECORD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

// The layout of the Swift type `Tick`; both sides assert it. Which field means what is documented there, and for the
// headers of books and klines in book_decode.h and kline_decode.h.
struct tick_record {
    uint64_t id;
    int64_t exchange_time_ns;
    uint64_t receive_monotonic_ns;
    int64_t price;
    int64_t quantity;
    int64_t secondary_price;
    int64_t secondary_quantity;
    uint32_t instrument;
    uint8_t kind;  // enum tick_record_kind
    uint8_t flags; // TICK_RECORD_ bits
    uint16_t feed;
};

static_assert(sizeof(struct tick_record) == 64, "one ring slot");
static_assert(offsetof(struct tick_record, instrument) == 56, "seven 64-bit fields in front");
static_assert(offsetof(struct tick_record, kind) == 60, "every record's kind is at byte 60");

// Raw values of the Swift type `RecordKind`.
enum tick_record_kind {
    TICK_RECORD_TRADE = 2,
    TICK_RECORD_AGGREGATE_TRADE = 3,
    TICK_RECORD_QUOTE = 4,
    TICK_RECORD_DEPTH = 8,
    TICK_RECORD_PARTIAL_DEPTH = 9,
    TICK_RECORD_BOOK_LEVELS = 10,
    TICK_RECORD_KLINE = 11,
    TICK_RECORD_KLINE_VOLUME = 12,
};

// Trades.
#define TICK_RECORD_BUYER_IS_MAKER 1u
#define TICK_RECORD_NO_PRICE 2u
// Klines.
#define TICK_RECORD_CLOSED 1u

#endif
