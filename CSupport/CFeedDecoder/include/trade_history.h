// Binance's REST answers of past trades to 64-byte records, one row at a time: historicalTrades (Spot) and aggTrades
// (Spot and USD-M), each an array of objects.
//
// Threads: a reader is its caller's; no other state. Memory: the caller's; records are copies, and the body must stay
// while it is read. Nothing allocates or blocks; nothing is read past the given length. Cost: one pass over the body.
//
// Rules, beside those of decode_result.h, of which a row is a message here:
// - The keys that are used may come only once; all others are skipped. An escape in any key is refused.
// - Price and quantity are above zero. An aggregate's first trade id is not above its last.
// - The body must be UTF-8, which is checked before (utf8_check.h).

#ifndef TICKLINE_TRADE_HISTORY_H
#define TICKLINE_TRADE_HISTORY_H

#include "decode_result.h"
#include "instrument_table.h"
#include "tick_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whose rows these are.
struct trade_history {
    const uint8_t *_Nonnull at; // behind the last row that was read
    const uint8_t *_Nonnull end;
    bool is_begun;      // the opening bracket was read
    bool is_aggregates; // aggTrades, else historicalTrades
    uint8_t price_decimals;
    uint8_t quantity_decimals;
    uint32_t instrument;
    uint16_t feed;
};

// Reads the next row into `*record`: a trade, or an aggregate trade with its first and last trade id as the secondary
// fields; receive_monotonic_ns is 0. `*is_end`: there is none left and the body ended as it should. Anything but
// DECODE_TICK refuses the whole body, and the reader must not be used again.
__attribute__((warn_unused_result)) enum decode_result
trade_history_next(struct trade_history *_Nonnull history, struct tick_record *_Nonnull record, bool *_Nonnull is_end);

#endif
