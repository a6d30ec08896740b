// Binance Spot and USD-M klines of all intervals to two 64-byte records each, raw or in the envelope. The time zone of
// a stream such as kline_1d@+08:00 shows in the open time alone.
//
// Threads: no state; any number of threads may decode with one table.
// Memory: the caller's. Nothing allocates or blocks; nothing is read past the given length. Cost: one pass, linear.
//
// Rules, beside those of decode_result.h: prices are above zero, the volume may be zero; trade ids may be -1, for an
// interval without trades. "k" must be an object; its own "s" and the quote volumes are not looked at.

#ifndef TICKLINE_KLINE_DECODE_H
#define TICKLINE_KLINE_DECODE_H

#include "decode_result.h"
#include "instrument_table.h"
#include "tick_record.h"

// The two slots of the Swift type `Kline`, which documents their fields.
struct kline_records {
    struct tick_record prices; // TICK_RECORD_KLINE
    struct tick_record volume; // TICK_RECORD_KLINE_VOLUME
};

// Decodes one message. Only on DECODE_KLINE are both records set; otherwise their content is undefined.
// DECODE_UNRECOGNISED also where the message is none for this decoder (trade_decode.h tells).
__attribute__((warn_unused_result)) enum decode_result
kline_decode(const uint8_t *_Nonnull message, size_t message_bytes, const struct instrument_table *_Nonnull table,
             uint64_t receive_monotonic_ns, uint16_t feed, struct kline_records *_Nonnull records);

#endif
