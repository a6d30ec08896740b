#include "trade_decode.h"

#include "decimal_text.h"
#include "json_scan.h"
#include "simple_members.h"
#include "trade_instrument.h"

#include <string.h>

// Longer keys that tell what a message without "e" is.
enum named_key {
    NAMED_LAST_UPDATE_ID = 1u << 0,
    NAMED_RESULT = 1u << 1,
    NAMED_ID = 1u << 2,
    NAMED_ERROR = 1u << 3,
    NAMED_CODE = 1u << 4,
};

static bool text_is(const struct json_value *value, const char *text) {
    size_t length = strlen(text);
    return value->byte_count == length && memcmp(value->bytes, text, length) == 0;
}

static enum trade_decode_result refusal(enum json_scan_result result) {
    return result == JSON_SCAN_TOO_DEEP ? TRADE_DECODE_NESTED_TOO_DEEP : TRADE_DECODE_MALFORMED;
}

// ---- first pass: where the values are ----

static enum trade_decode_result read_event(struct payload *payload, const struct json_value *value) {
    if (value->type == JSON_ESCAPED_STRING) return TRADE_DECODE_ESCAPED;
    if (value->type != JSON_STRING) return TRADE_DECODE_WRONG_TYPE;
    if (text_is(value, "trade")) {
        payload->kind = TICK_RECORD_TRADE;
    } else if (text_is(value, "aggTrade")) {
        payload->kind = TICK_RECORD_AGGREGATE_TRADE;
    } else if (text_is(value, "bookTicker")) {
        payload->kind = TICK_RECORD_QUOTE;
    } else if (text_is(value, "depthUpdate")) {
        return TRADE_DECODE_DEPTH;
    } else if (text_is(value, "kline")) {
        return TRADE_DECODE_KLINE;
    } else if (text_is(value, "serverShutdown")) {
        return TRADE_DECODE_SERVER_SHUTDOWN;
    } else {
        return TRADE_DECODE_OTHER_EVENT;
    }
    return TRADE_DECODE_TICK;
}

static uint32_t named_key(const struct json_value *key) {
    if (text_is(key, "lastUpdateId")) return NAMED_LAST_UPDATE_ID;
    if (text_is(key, "result")) return NAMED_RESULT;
    if (text_is(key, "id")) return NAMED_ID;
    if (text_is(key, "error")) return NAMED_ERROR;
    if (text_is(key, "code")) return NAMED_CODE;
    return 0;
}

// Keeps the value behind a payload's key. TRADE_DECODE_TICK: go on; anything else ends the message.
static enum trade_decode_result take_member(struct json_cursor *cursor, const struct json_value *key,
                                            struct payload *payload) {
    struct json_value value;
    enum json_scan_result scanned = json_scan_value(cursor, TRADE_DECODE_NESTING_MAX, &value);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    if (key->type == JSON_ESCAPED_STRING) return TRADE_DECODE_ESCAPED;
    if (key->byte_count != 1) {
        payload->names |= named_key(key);
        return TRADE_DECODE_TICK;
    }
    uint8_t letter = key->bytes[0];
    if (letter < FIRST_LETTER || letter > LAST_LETTER) return TRADE_DECODE_TICK;
    if (has(payload, letter)) return TRADE_DECODE_DUPLICATE_KEY;
    payload->letters |= letter_bit(letter);
    payload->values[letter - FIRST_LETTER] = value;
    return letter == 'e' ? read_event(payload, &value) : TRADE_DECODE_TICK;
}

// Scans a key and its colon.
static enum trade_decode_result take_key(struct json_cursor *cursor, struct json_value *key) {
    enum json_scan_result scanned = json_scan_string(cursor, key);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    return json_take(cursor, ':') ? TRADE_DECODE_TICK : TRADE_DECODE_MALFORMED;
}

// Takes what simple_members takes. `*is_behind_member` tells where the cursor is left: behind a member, else before one
// that is for take_member.
static enum trade_decode_result take_simple_members(struct json_cursor *cursor, struct payload *payload,
                                                    bool *is_behind_member) {
    *is_behind_member = simple_members_take(cursor, payload);
    if (!has(payload, 'e') || payload->kind != 0) return TRADE_DECODE_TICK;
    return read_event(payload, &payload->values['e' - FIRST_LETTER]);
}

static void clear(struct payload *payload) {
    payload->letters = 0;
    payload->names = 0;
    payload->kind = 0;
}

// The object behind "data".
static enum trade_decode_result take_data(struct json_cursor *cursor, struct payload *payload) {
    json_skip_space(cursor);
    if (cursor->at < cursor->end && *cursor->at == '[') return TRADE_DECODE_OTHER_EVENT;
    if (cursor->at == cursor->end || *cursor->at != '{') {
        struct json_value value;
        enum json_scan_result scanned = json_scan_value(cursor, TRADE_DECODE_NESTING_MAX, &value);
        return scanned == JSON_SCAN_OK ? TRADE_DECODE_WRONG_TYPE : refusal(scanned);
    }
    cursor->at++;
    // What stood beside "data" was the envelope's.
    clear(payload);
    if (json_take(cursor, '}')) return TRADE_DECODE_TICK;
    do {
        bool is_behind_member;
        enum trade_decode_result result = take_simple_members(cursor, payload, &is_behind_member);
        if (result != TRADE_DECODE_TICK) return result;
        if (is_behind_member) continue;
        struct json_value key;
        result = take_key(cursor, &key);
        if (result == TRADE_DECODE_TICK) result = take_member(cursor, &key, payload);
        if (result != TRADE_DECODE_TICK) return result;
    } while (json_take(cursor, ','));
    return json_take(cursor, '}') ? TRADE_DECODE_TICK : TRADE_DECODE_MALFORMED;
}

enum envelope_key { ENVELOPE_STREAM = 1u << 0, ENVELOPE_DATA = 1u << 1 };

// One member of the outer object: of the envelope, or of a raw message.
static enum trade_decode_result take_outer_member(struct json_cursor *cursor, const struct json_value *key,
                                                  uint32_t *envelope, struct payload *payload) {
    struct json_value value;
    if (key->byte_count == 4 && text_is(key, "data")) {
        if ((*envelope & ENVELOPE_DATA) != 0) return TRADE_DECODE_DUPLICATE_KEY;
        *envelope |= ENVELOPE_DATA;
        return take_data(cursor, payload);
    }
    if (key->byte_count == 6 && text_is(key, "stream")) {
        if ((*envelope & ENVELOPE_STREAM) != 0) return TRADE_DECODE_DUPLICATE_KEY;
        *envelope |= ENVELOPE_STREAM;
        enum json_scan_result scanned = json_scan_value(cursor, TRADE_DECODE_NESTING_MAX, &value);
        if (scanned != JSON_SCAN_OK) return refusal(scanned);
        return value.type == JSON_STRING || value.type == JSON_ESCAPED_STRING ? TRADE_DECODE_TICK
                                                                              : TRADE_DECODE_WRONG_TYPE;
    }
    if ((*envelope & ENVELOPE_DATA) == 0) return take_member(cursor, key, payload);
    enum json_scan_result scanned = json_scan_value(cursor, TRADE_DECODE_NESTING_MAX, &value);
    return scanned == JSON_SCAN_OK ? TRADE_DECODE_TICK : refusal(scanned);
}

static enum trade_decode_result scan_message(const uint8_t *message, size_t message_bytes, struct payload *payload) {
    struct json_cursor cursor = {.at = message, .end = message + message_bytes};
    uint32_t envelope = 0;
    clear(payload);
    json_skip_space(&cursor);
    if (cursor.at < cursor.end && *cursor.at == '[') return TRADE_DECODE_OTHER_EVENT;
    if (!json_take(&cursor, '{')) return TRADE_DECODE_MALFORMED;
    if (!json_take(&cursor, '}')) {
        do {
            enum trade_decode_result result;
            if ((envelope & ENVELOPE_DATA) == 0) {
                bool is_behind_member;
                result = take_simple_members(&cursor, payload, &is_behind_member);
                if (result != TRADE_DECODE_TICK) return result;
                if (is_behind_member) continue;
            }
            struct json_value key;
            result = take_key(&cursor, &key);
            if (result == TRADE_DECODE_TICK) result = take_outer_member(&cursor, &key, &envelope, payload);
            if (result != TRADE_DECODE_TICK) return result;
        } while (json_take(&cursor, ','));
        if (!json_take(&cursor, '}')) return TRADE_DECODE_MALFORMED;
    }
    json_skip_space(&cursor);
    return cursor.at == cursor.end ? TRADE_DECODE_TICK : TRADE_DECODE_MALFORMED;
}

// ---- second pass: what the values mean ----

static enum trade_decode_result field(const struct payload *payload, uint8_t letter, enum json_type type,
                                      const struct json_value **value) {
    if (!has(payload, letter)) return TRADE_DECODE_MISSING_FIELD;
    *value = &payload->values[letter - FIRST_LETTER];
    if ((*value)->type == type) return TRADE_DECODE_TICK;
    return type == JSON_STRING && (*value)->type == JSON_ESCAPED_STRING ? TRADE_DECODE_ESCAPED
                                                                        : TRADE_DECODE_WRONG_TYPE;
}

static enum trade_decode_result number_field(const struct payload *payload, uint8_t letter, uint8_t decimals,
                                             bool zero_allowed, int64_t *scaled) {
    const struct json_value *value;
    enum trade_decode_result result = field(payload, letter, JSON_STRING, &value);
    if (result != TRADE_DECODE_TICK) return result;
    result = decimal_text_scaled(value->bytes, value->byte_count, decimals, scaled);
    if (result != TRADE_DECODE_TICK) return result;
    return *scaled == 0 && !zero_allowed ? TRADE_DECODE_ZERO : TRADE_DECODE_TICK;
}

static enum trade_decode_result id_field(const struct payload *payload, uint8_t letter, int64_t *id) {
    const struct json_value *value;
    enum trade_decode_result result = field(payload, letter, JSON_NUMBER, &value);
    if (result != TRADE_DECODE_TICK) return result;
    return decimal_text_integer(value->bytes, value->byte_count, id) ? TRADE_DECODE_TICK : TRADE_DECODE_BAD_ID;
}

static enum trade_decode_result time_field(const struct payload *payload, uint8_t letter, int64_t *time_ns) {
    static const int64_t first_microseconds = 100000000000000; // 10^14
    const struct json_value *value;
    int64_t time;
    enum trade_decode_result result = field(payload, letter, JSON_NUMBER, &value);
    if (result != TRADE_DECODE_TICK) return result;
    if (!decimal_text_integer(value->bytes, value->byte_count, &time)) return TRADE_DECODE_BAD_TIME;
    int64_t unit_ns = time < first_microseconds ? 1000000 : 1000;
    return __builtin_mul_overflow(time, unit_ns, time_ns) ? TRADE_DECODE_BAD_TIME : TRADE_DECODE_TICK;
}

// Goes on only while `result` is TRADE_DECODE_TICK; keeps the three decoders below readable as lists of fields.
#define REQUIRE(call)                                                                                                  \
    do {                                                                                                               \
        enum trade_decode_result result_of_call = (call);                                                              \
        if (result_of_call != TRADE_DECODE_TICK) return result_of_call;                                                \
    } while (0)

static enum trade_decode_result maker_flag(const struct payload *payload, uint8_t *flags) {
    if (!has(payload, 'm')) return TRADE_DECODE_MISSING_FIELD;
    enum json_type type = payload->values['m' - FIRST_LETTER].type;
    if (type != JSON_TRUE && type != JSON_FALSE) return TRADE_DECODE_WRONG_TYPE;
    *flags = type == JSON_TRUE ? TICK_RECORD_BUYER_IS_MAKER : 0;
    return TRADE_DECODE_TICK;
}

static enum trade_decode_result decode_trade(const struct payload *payload, const struct trade_instrument *instrument,
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
    return TRADE_DECODE_TICK;
}

static enum trade_decode_result decode_aggregate_trade(const struct payload *payload,
                                                       const struct trade_instrument *instrument,
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
    return TRADE_DECODE_TICK;
}

static enum trade_decode_result decode_quote(const struct payload *payload, const struct trade_instrument *instrument,
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
    return TRADE_DECODE_TICK;
}

// What a message without "e" is: Spot's bookTicker has none.
static enum trade_decode_result recognise(struct payload *payload) {
    const uint64_t quote_letters =
        letter_bit('u') | letter_bit('s') | letter_bit('b') | letter_bit('B') | letter_bit('a') | letter_bit('A');
    if ((payload->letters & quote_letters) == quote_letters) {
        payload->kind = TICK_RECORD_QUOTE;
        return TRADE_DECODE_TICK;
    }
    if ((payload->names & NAMED_LAST_UPDATE_ID) != 0) return TRADE_DECODE_DEPTH;
    if ((payload->names & (NAMED_ERROR | NAMED_CODE)) != 0) return TRADE_DECODE_ERROR_REPLY;
    if ((payload->names & (NAMED_RESULT | NAMED_ID)) != 0) return TRADE_DECODE_REPLY;
    return TRADE_DECODE_UNRECOGNISED;
}

enum trade_decode_result trade_decode(const uint8_t *message, size_t message_bytes,
                                      const struct trade_instrument_table *table, uint64_t receive_monotonic_ns,
                                      uint16_t feed, struct tick_record *record) {
    struct payload payload;
    if (message_bytes > UINT32_MAX) return TRADE_DECODE_MALFORMED;
    REQUIRE(scan_message(message, message_bytes, &payload));
    if (payload.kind == 0) REQUIRE(recognise(&payload));

    const struct json_value *symbol;
    REQUIRE(field(&payload, 's', JSON_STRING, &symbol));
    const struct trade_instrument *instrument = trade_instrument_find(table, symbol->bytes, symbol->byte_count);
    if (instrument == NULL) return TRADE_DECODE_UNKNOWN_SYMBOL;
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
