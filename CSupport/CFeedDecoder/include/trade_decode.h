// Binance Spot and USD-M market messages to 64-byte records: trade, aggTrade and bookTicker. The first to look at every
// message: what it is not, its result names.
//
// Threads: no state; any number of threads may decode with one table.
// Memory: the caller's. Nothing allocates or blocks; nothing is read past the given length. Cost: one pass over the
// message and a second look at the fields used, linear in its length.
//
// Rules, beside those of decode_result.h:
// - A trade needs price and quantity above zero. A quote may have zeros: an empty side is "0.00000000".
// - USD-M trades whose "X" is not "MARKET" (insurance fund, liquidation take-over) carry TICK_RECORD_NO_PRICE; their
//   price and quantity may be zero.
// - As soon as "e" names another event, or a payload begins with "lastUpdateId", the rest of the message is not looked
//   at: a big depth update costs next to nothing here.

#ifndef TICKLINE_TRADE_DECODE_H
#define TICKLINE_TRADE_DECODE_H

#include "decode_result.h"
#include "instrument_table.h"
#include "tick_record.h"

// Decodes one message into `*record`. Only on DECODE_TICK is the whole record set; otherwise its content is undefined.
// DECODE_DEPTH and DECODE_KLINE say for which decoder the message is, not that it is a good one.
__attribute__((warn_unused_result)) enum decode_result
trade_decode(const uint8_t *_Nonnull message, size_t message_bytes, const struct instrument_table *_Nonnull table,
             uint64_t receive_monotonic_ns, uint16_t feed, struct tick_record *_Nonnull record);

#endif
