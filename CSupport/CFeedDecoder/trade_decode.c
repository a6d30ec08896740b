#include "trade_decode.h"

#include "payload_fields.h"

static enum decode_result maker_flag(const struct payload *payload, uint8_t *flags) {
    bool is_maker;
    REQUIRE(truth_field(payload, 'm', &is_maker));
    *flags = is_maker ? TICK_RECORD_BUYER_IS_MAKER : 0;
    return DECODE_TICK;
}

static enum decode_result decode_trade(const struct payload *payload, const struct instrument *instrument,
                                       struct tick_record *record) {
    int64_t id;
    const struct json_value *execution;
    REQUIRE(id_field(payload, 't', &id));
    REQUIRE(maker_flag(payload, &record->flags));
    if (has(payload, 'X')) {
        REQUIRE(field(payload, 'X', JSON_STRING, &execution));
        if (!text_is(execution, "MARKET")) record->flags |= TICK_RECORD_NO_PRICE;
    }
    bool zero_allowed = (record->flags & TICK_RECORD_NO_PRICE) != 0;
    REQUIRE(number_field(payload, 'p', instrument->price_decimals, zero_allowed, &record->price));
    REQUIRE(number_field(payload, 'q', instrument->quantity_decimals, zero_allowed, &record->quantity));
    REQUIRE(time_field(payload, 'T', &record->exchange_time_ns));
    record->id = (uint64_t)id;
    record->secondary_price = 0;
    record->secondary_quantity = 0;
    return DECODE_TICK;
}

static enum decode_result decode_aggregate_trade(const struct payload *payload, const struct instrument *instrument,
                                                 struct tick_record *record) {
    int64_t id;
    REQUIRE(id_field(payload, 'a', &id));
    REQUIRE(maker_flag(payload, &record->flags));
    REQUIRE(number_field(payload, 'p', instrument->price_decimals, false, &record->price));
    REQUIRE(number_field(payload, 'q', instrument->quantity_decimals, false, &record->quantity));
    REQUIRE(time_field(payload, 'T', &record->exchange_time_ns));
    REQUIRE(id_field(payload, 'f', &record->secondary_price));
    REQUIRE(id_field(payload, 'l', &record->secondary_quantity));
    record->id = (uint64_t)id;
    return DECODE_TICK;
}

static enum decode_result decode_quote(const struct payload *payload, const struct instrument *instrument,
                                       struct tick_record *record) {
    int64_t id;
    REQUIRE(id_field(payload, 'u', &id));
    REQUIRE(number_field(payload, 'b', instrument->price_decimals, true, &record->price));
    REQUIRE(number_field(payload, 'B', instrument->quantity_decimals, true, &record->quantity));
    REQUIRE(number_field(payload, 'a', instrument->price_decimals, true, &record->secondary_price));
    REQUIRE(number_field(payload, 'A', instrument->quantity_decimals, true, &record->secondary_quantity));
    record->id = (uint64_t)id;
    record->flags = 0;
    // USD-M gives the transaction time T and the event time E, Spot neither.
    record->exchange_time_ns = 0;
    if (has(payload, 'T')) return time_field(payload, 'T', &record->exchange_time_ns);
    if (has(payload, 'E')) return time_field(payload, 'E', &record->exchange_time_ns);
    return DECODE_TICK;
}

// What a message without "e" is: Spot's bookTicker has none.
static enum decode_result recognise(struct payload *payload) {
    const uint64_t quote_letters =
        letter_bit('u') | letter_bit('s') | letter_bit('b') | letter_bit('B') | letter_bit('a') | letter_bit('A');
    if ((payload->letters & quote_letters) == quote_letters) {
        payload->kind = TICK_RECORD_QUOTE;
        return DECODE_TICK;
    }
    if (has_name(payload, NAME_LAST_UPDATE_ID)) return DECODE_DEPTH;
    if (has_name(payload, NAME_ERROR) || has_name(payload, NAME_CODE)) return DECODE_ERROR_REPLY;
    if (has_name(payload, NAME_RESULT) || has_name(payload, NAME_ID)) return DECODE_REPLY;
    return DECODE_UNRECOGNISED;
}

enum decode_result trade_decode(const uint8_t *message, size_t message_bytes, const struct instrument_table *table,
                                uint64_t receive_monotonic_ns, uint16_t feed, struct tick_record *record) {
    static const struct payload_rules rules = {
        .kinds = 1u << TICK_RECORD_TRADE | 1u << TICK_RECORD_AGGREGATE_TRADE | 1u << TICK_RECORD_QUOTE,
        .take_member = payload_take_member,
    };
    struct payload payload;
    REQUIRE(payload_scan(message, message_bytes, &rules, &payload));
    if (payload.kind == 0) REQUIRE(recognise(&payload));

    const struct instrument *instrument;
    REQUIRE(symbol_field(&payload, table, &instrument));
    record->receive_monotonic_ns = receive_monotonic_ns;
    record->instrument = instrument->index;
    record->kind = payload.kind;
    record->feed = feed;
    switch (payload.kind) {
    case TICK_RECORD_TRADE:
        return decode_trade(&payload, instrument, record);
    case TICK_RECORD_AGGREGATE_TRADE:
        return decode_aggregate_trade(&payload, instrument, record);
    default:
        return decode_quote(&payload, instrument, record);
    }
}
