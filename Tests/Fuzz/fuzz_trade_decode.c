// Trades, aggregate trades and quotes: what is taken is in range, the short way says what the general one says, and the
// start of a message is none.

#include "fuzz_support.h"
#include "trade_decode.h"

static enum decode_result decode(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                                 void *record) {
    enum decode_result result = trade_decode(message, message_bytes, table, 99, 7, record);
    CHECK(result < DECODE_RESULT_COUNT && result != DECODE_PARTIAL_DEPTH && result != DECODE_TOO_MANY_LEVELS);
    return result;
}

static void check_record(const void *records) {
    const struct tick_record *record = records;
    CHECK(record->kind >= TICK_RECORD_TRADE && record->kind <= TICK_RECORD_QUOTE);
    CHECK(record->instrument < KNOWN_SYMBOLS && record->feed == 7 && record->receive_monotonic_ns == 99);
    CHECK(record->id <= INT64_MAX && record->exchange_time_ns >= 0);
    CHECK(record->price >= 0 && record->quantity >= 0);
    CHECK(record->secondary_price >= 0 && record->secondary_quantity >= 0);
    bool is_free = record->kind == TICK_RECORD_QUOTE || (record->flags & TICK_RECORD_NO_PRICE) != 0;
    CHECK(is_free || (record->price > 0 && record->quantity > 0));
    CHECK((record->flags & ~(TICK_RECORD_BUYER_IS_MAKER | TICK_RECORD_NO_PRICE)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_decoder(data, size, decode, DECODE_TICK, sizeof(struct tick_record), check_record);
    return 0;
}
