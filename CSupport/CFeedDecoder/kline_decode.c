#include "kline_decode.h"

#include "payload_fields.h"

// Lengths as the exchange names them; a record carries the position, the raw value of the Swift type `KlineInterval`.
static const char *const intervals[] = {"1s", "1m", "3m", "5m",  "15m", "30m", "1h", "2h",
                                        "4h", "6h", "8h", "12h", "1d",  "3d",  "1w", "1M"};
#define INTERVAL_COUNT (int64_t)(sizeof intervals / sizeof *intervals)

// A kline under way. The payload comes first: the first pass hands it back.
struct kline {
    struct payload payload;
    struct payload inner; // the object behind "k"
};

static enum decode_result take_member(struct json_cursor *cursor, const struct json_value *key,
                                      struct payload *payload) {
    static const struct payload_rules inner_rules = {.kinds = 0, .take_member = payload_take_member};
    bool is_inner = key->byte_count == 1 && key->bytes[0] == 'k' && !has(payload, 'k');
    json_skip_space(cursor);
    if (!is_inner || cursor->at == cursor->end || *cursor->at != '{') return payload_take_member(cursor, key, payload);
    struct payload *inner = &((struct kline *)payload)->inner;
    inner->rules = &inner_rules;
    inner->letters = 0;
    inner->names = 0;
    // Set beforehand: an "e" in here names no event.
    inner->kind = TICK_RECORD_KLINE;
    const uint8_t *start = cursor->at++;
    REQUIRE(payload_take_object(cursor, inner));
    payload->letters |= letter_bit('k');
    payload->values['k' - FIRST_LETTER] =
        (struct json_value){.bytes = start, .byte_count = (uint32_t)(cursor->at - start), .type = JSON_OBJECT};
    return DECODE_TICK;
}

static enum decode_result interval_field(const struct payload *payload, int64_t *code) {
    const struct json_value *value;
    REQUIRE(field(payload, 'i', JSON_STRING, &value));
    for (*code = 0; *code < INTERVAL_COUNT; (*code)++) {
        if (text_is(value, intervals[*code])) return DECODE_TICK;
    }
    return DECODE_UNKNOWN_INTERVAL;
}

// A trade id, or -1 where there was no trade.
static enum decode_result trade_id_field(const struct payload *payload, uint8_t letter, int64_t *id) {
    const struct json_value *value;
    REQUIRE(field(payload, letter, JSON_NUMBER, &value));
    if (!text_is(value, "-1")) return id_value(value, id);
    *id = -1;
    return DECODE_TICK;
}

static enum decode_result fill_prices(const struct payload *inner, const struct instrument *instrument,
                                      struct tick_record *record) {
    int64_t open_time_ns;
    uint8_t decimals = instrument->price_decimals;
    REQUIRE(time_field(inner, 't', &open_time_ns));
    REQUIRE(number_field(inner, 'o', decimals, false, &record->price));
    REQUIRE(number_field(inner, 'c', decimals, false, &record->quantity));
    REQUIRE(number_field(inner, 'h', decimals, false, &record->secondary_price));
    REQUIRE(number_field(inner, 'l', decimals, false, &record->secondary_quantity));
    record->id = (uint64_t)open_time_ns;
    return DECODE_TICK;
}

static enum decode_result fill_volume(const struct payload *inner, const struct instrument *instrument,
                                      struct tick_record *record) {
    int64_t close_time_ns, last_id;
    REQUIRE(time_field(inner, 'T', &close_time_ns));
    REQUIRE(trade_id_field(inner, 'f', &record->exchange_time_ns));
    REQUIRE(trade_id_field(inner, 'L', &last_id));
    REQUIRE(number_field(inner, 'v', instrument->quantity_decimals, true, &record->price));
    REQUIRE(id_field(inner, 'n', &record->quantity));
    REQUIRE(interval_field(inner, &record->secondary_price));
    record->id = (uint64_t)close_time_ns;
    record->receive_monotonic_ns = (uint64_t)last_id;
    return DECODE_TICK;
}

enum decode_result kline_decode(const uint8_t *message, size_t message_bytes, const struct instrument_table *table,
                                uint64_t receive_monotonic_ns, uint16_t feed, struct kline_records *records) {
    static const struct payload_rules rules = {.kinds = 1u << TICK_RECORD_KLINE, .take_member = take_member};
    struct kline kline;
    enum decode_result result = payload_scan(message, message_bytes, &rules, &kline.payload);
    if (result != DECODE_TICK) return result < DECODE_MALFORMED ? DECODE_UNRECOGNISED : result;
    if (kline.payload.kind == 0) return DECODE_UNRECOGNISED;

    const struct instrument *instrument;
    const struct json_value *inner;
    bool is_closed;
    REQUIRE(symbol_field(&kline.payload, table, &instrument));
    REQUIRE(field(&kline.payload, 'k', JSON_OBJECT, &inner));
    REQUIRE(truth_field(&kline.inner, 'x', &is_closed));
    struct tick_record prices = {
        .receive_monotonic_ns = receive_monotonic_ns,
        .instrument = instrument->index,
        .kind = TICK_RECORD_KLINE,
        .flags = is_closed ? TICK_RECORD_CLOSED : 0,
        .feed = feed,
    };
    struct tick_record volume = prices;
    volume.kind = TICK_RECORD_KLINE_VOLUME;
    REQUIRE(time_field(&kline.payload, 'E', &prices.exchange_time_ns));
    REQUIRE(fill_prices(&kline.inner, instrument, &prices));
    REQUIRE(fill_volume(&kline.inner, instrument, &volume));
    *records = (struct kline_records){prices, volume};
    return DECODE_KLINE;
}
