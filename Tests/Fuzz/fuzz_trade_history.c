// Answers of past trades: what is taken is in range, says the same with white space in it, and the start of an answer
// is none. The rows come one by one; the first few are looked at.

#include "fuzz_support.h"
#include "trade_history.h"

#define ROWS_KEPT 4

struct kept_rows {
    struct tick_record rows[ROWS_KEPT];
    uint64_t count;
};

static enum decode_result read_all(const uint8_t *body, size_t body_bytes, bool is_aggregates, struct kept_rows *kept) {
    struct trade_history history = {
        .at = body,
        .end = body + body_bytes,
        .is_aggregates = is_aggregates,
        .price_decimals = 8,
        .quantity_decimals = 3,
        .instrument = 1,
        .feed = 7,
    };
    memset(kept, 0, sizeof *kept);
    for (;;) {
        struct tick_record record;
        bool is_end;
        enum decode_result result = trade_history_next(&history, &record, &is_end);
        CHECK(result == DECODE_TICK || (result >= DECODE_MALFORMED && result < DECODE_RESULT_COUNT));
        if (result != DECODE_TICK || is_end) return result;
        if (kept->count < ROWS_KEPT) kept->rows[kept->count] = record;
        kept->count++;
    }
}

// As aggregates, or else as trades. What is cut is so for both.
static enum decode_result decode(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                                 void *records) {
    (void)table;
    enum decode_result result = read_all(message, message_bytes, true, records);
    if (result == DECODE_TICK || result == DECODE_MALFORMED) return result;
    return read_all(message, message_bytes, false, records);
}

static void check_rows(const void *records) {
    const struct kept_rows *kept = records;
    for (uint64_t i = 0; i < kept->count && i < ROWS_KEPT; i++) {
        const struct tick_record *row = &kept->rows[i];
        CHECK(row->kind == TICK_RECORD_TRADE || row->kind == TICK_RECORD_AGGREGATE_TRADE);
        CHECK(row->instrument == 1 && row->feed == 7 && row->receive_monotonic_ns == 0);
        CHECK(row->id <= INT64_MAX && row->exchange_time_ns >= 0 && row->price > 0 && row->quantity > 0);
        CHECK(row->secondary_price >= 0 && row->secondary_price <= row->secondary_quantity);
        CHECK(row->kind == TICK_RECORD_AGGREGATE_TRADE || row->secondary_quantity == 0);
        CHECK((row->flags & ~TICK_RECORD_BUYER_IS_MAKER) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_decoder(data, size, decode, DECODE_TICK, sizeof(struct kept_rows), check_rows);
    return 0;
}
