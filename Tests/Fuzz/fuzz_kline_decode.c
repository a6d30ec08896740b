// Klines: what is taken is in range, the short way says what the general one says, and the start of a message is none.

#include "fuzz_support.h"
#include "kline_decode.h"

static enum decode_result decode(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                                 void *records) {
    enum decode_result result = kline_decode(message, message_bytes, table, 99, 7, records);
    CHECK(result == DECODE_KLINE || (result >= DECODE_MALFORMED && result < DECODE_RESULT_COUNT));
    return result;
}

static void check_records(const void *decoded) {
    const struct kline_records *records = decoded;
    const struct tick_record *prices = &records->prices, *volume = &records->volume;
    CHECK(prices->kind == TICK_RECORD_KLINE && volume->kind == TICK_RECORD_KLINE_VOLUME);
    CHECK(prices->instrument < KNOWN_SYMBOLS && prices->instrument == volume->instrument);
    CHECK(prices->feed == 7 && volume->feed == 7 && prices->receive_monotonic_ns == 99);
    CHECK(prices->flags == volume->flags && prices->flags <= TICK_RECORD_CLOSED);
    CHECK(prices->id <= INT64_MAX && volume->id <= INT64_MAX && prices->exchange_time_ns >= 0);
    CHECK(prices->price > 0 && prices->quantity > 0 && prices->secondary_price > 0 && prices->secondary_quantity > 0);
    CHECK(volume->price >= 0 && volume->quantity >= 0 && volume->secondary_quantity == 0);
    CHECK(volume->secondary_price >= 0 && volume->secondary_price < 16);
    CHECK(volume->exchange_time_ns >= -1 && (int64_t)volume->receive_monotonic_ns >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_decoder(data, size, decode, DECODE_KLINE, sizeof(struct kline_records), check_records);
    return 0;
}
