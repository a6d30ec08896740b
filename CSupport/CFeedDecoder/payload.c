#include "payload.h"

#include "simple_members.h"
#include "tick_record.h"

static enum decode_result read_event(struct payload *payload, const struct json_value *value) {
    if (value->type == JSON_ESCAPED_STRING) return DECODE_ESCAPED;
    if (value->type != JSON_STRING) return DECODE_WRONG_TYPE;
    enum tick_record_kind kind;
    enum decode_result result;
    if (text_is(value, "trade")) {
        kind = TICK_RECORD_TRADE;
        result = DECODE_OTHER_EVENT;
    } else if (text_is(value, "aggTrade")) {
        kind = TICK_RECORD_AGGREGATE_TRADE;
        result = DECODE_OTHER_EVENT;
    } else if (text_is(value, "bookTicker")) {
        kind = TICK_RECORD_QUOTE;
        result = DECODE_OTHER_EVENT;
    } else if (text_is(value, "depthUpdate")) {
        kind = TICK_RECORD_DEPTH;
        result = DECODE_DEPTH;
    } else if (text_is(value, "kline")) {
        kind = TICK_RECORD_KLINE;
        result = DECODE_KLINE;
    } else {
        return text_is(value, "serverShutdown") ? DECODE_SERVER_SHUTDOWN : DECODE_OTHER_EVENT;
    }
    if ((payload->rules->kinds >> kind & 1) == 0) return result;
    payload->kind = (uint8_t)kind;
    return DECODE_TICK;
}

static enum payload_name name_of(const struct json_value *key) {
    static const char *const names[NAME_COUNT] = {"lastUpdateId", "bids", "asks",  "pu",
                                                  "result",       "id",   "error", "code"};
    enum payload_name name = 0;
    while (name < NAME_COUNT && !text_is(key, names[name]))
        name++;
    return name;
}

static enum decode_result take_named(struct payload *payload, const struct json_value *key,
                                     const struct json_value *value) {
    enum payload_name name = name_of(key);
    if (name == NAME_COUNT) return DECODE_TICK;
    if (name < NAME_KEPT_COUNT) {
        if (has_name(payload, name)) return DECODE_DUPLICATE_KEY;
        payload->named[name] = *value;
    }
    payload->names |= 1u << name;
    // A partial book begins with its id and has no "e": a decoder of other kinds need not look at the rest.
    bool is_book = name == NAME_LAST_UPDATE_ID && payload->letters == 0;
    return is_book && (payload->rules->kinds >> TICK_RECORD_DEPTH & 1) == 0 ? DECODE_DEPTH : DECODE_TICK;
}

enum decode_result payload_take_member(struct json_cursor *cursor, const struct json_value *key,
                                       struct payload *payload) {
    struct json_value value;
    enum json_scan_result scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &value);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    if (key->type == JSON_ESCAPED_STRING) return DECODE_ESCAPED;
    if (key->byte_count != 1) return take_named(payload, key, &value);
    uint8_t letter = key->bytes[0];
    if (letter < FIRST_LETTER || letter > LAST_LETTER) return DECODE_TICK;
    if (has(payload, letter)) return DECODE_DUPLICATE_KEY;
    payload->letters |= letter_bit(letter);
    payload->values[letter - FIRST_LETTER] = value;
    return letter == 'e' && payload->kind == 0 ? read_event(payload, &value) : DECODE_TICK;
}

// Scans a key and its colon.
static enum decode_result take_key(struct json_cursor *cursor, struct json_value *key) {
    enum json_scan_result scanned = json_scan_string(cursor, key);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    return json_take(cursor, ':') ? DECODE_TICK : DECODE_MALFORMED;
}

// Takes what simple_members takes. `*is_behind_member` tells where the cursor is left: behind a member, else before one
// that is for the rules' take_member.
static enum decode_result take_simple_members(struct json_cursor *cursor, struct payload *payload,
                                              bool *is_behind_member) {
    *is_behind_member = simple_members_take(cursor, payload);
    if (!has(payload, 'e') || payload->kind != 0) return DECODE_TICK;
    return read_event(payload, &payload->values['e' - FIRST_LETTER]);
}

enum decode_result payload_take_object(struct json_cursor *cursor, struct payload *payload) {
    if (json_take(cursor, '}')) return DECODE_TICK;
    do {
        bool is_behind_member;
        REQUIRE(take_simple_members(cursor, payload, &is_behind_member));
        if (is_behind_member) continue;
        struct json_value key;
        REQUIRE(take_key(cursor, &key));
        REQUIRE(payload->rules->take_member(cursor, &key, payload));
    } while (json_take(cursor, ','));
    return json_take(cursor, '}') ? DECODE_TICK : DECODE_MALFORMED;
}

static void clear(struct payload *payload) {
    payload->letters = 0;
    payload->names = 0;
    payload->kind = 0;
}

// What is behind "data".
static enum decode_result take_data(struct json_cursor *cursor, struct payload *payload) {
    json_skip_space(cursor);
    if (cursor->at < cursor->end && *cursor->at == '[') return DECODE_OTHER_EVENT;
    if (cursor->at == cursor->end || *cursor->at != '{') {
        struct json_value value;
        enum json_scan_result scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &value);
        return scanned == JSON_SCAN_OK ? DECODE_WRONG_TYPE : refusal(scanned);
    }
    cursor->at++;
    // What stood beside "data" was the envelope's.
    clear(payload);
    return payload_take_object(cursor, payload);
}

// What is behind "stream".
static enum decode_result take_stream(struct json_cursor *cursor, struct payload *payload) {
    if (payload->has_stream) return DECODE_DUPLICATE_KEY;
    enum json_scan_result scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &payload->stream);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    payload->has_stream = true;
    enum json_type type = payload->stream.type;
    return type == JSON_STRING || type == JSON_ESCAPED_STRING ? DECODE_TICK : DECODE_WRONG_TYPE;
}

// One member of the outer object: of the envelope, or of a raw message.
static enum decode_result take_outer_member(struct json_cursor *cursor, const struct json_value *key, bool *has_data,
                                            struct payload *payload) {
    if (key->byte_count == 4 && text_is(key, "data")) {
        if (*has_data) return DECODE_DUPLICATE_KEY;
        *has_data = true;
        return take_data(cursor, payload);
    }
    if (key->byte_count == 6 && text_is(key, "stream")) return take_stream(cursor, payload);
    if (!*has_data) return payload->rules->take_member(cursor, key, payload);
    struct json_value value;
    enum json_scan_result scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &value);
    return scanned == JSON_SCAN_OK ? DECODE_TICK : refusal(scanned);
}

enum decode_result payload_scan(const uint8_t *message, size_t message_bytes, const struct payload_rules *rules,
                                struct payload *payload) {
    // Values keep their length in 32 bits.
    if (message_bytes > UINT32_MAX) return DECODE_MALFORMED;
    struct json_cursor cursor = {.at = message, .end = message + message_bytes};
    bool has_data = false;
    payload->rules = rules;
    payload->has_stream = false;
    clear(payload);
    json_skip_space(&cursor);
    if (cursor.at < cursor.end && *cursor.at == '[') return DECODE_OTHER_EVENT;
    if (!json_take(&cursor, '{')) return DECODE_MALFORMED;
    if (!json_take(&cursor, '}')) {
        do {
            if (!has_data) {
                bool is_behind_member;
                REQUIRE(take_simple_members(&cursor, payload, &is_behind_member));
                if (is_behind_member) continue;
            }
            struct json_value key;
            REQUIRE(take_key(&cursor, &key));
            REQUIRE(take_outer_member(&cursor, &key, &has_data, payload));
        } while (json_take(&cursor, ','));
        if (!json_take(&cursor, '}')) return DECODE_MALFORMED;
    }
    json_skip_space(&cursor);
    return cursor.at == cursor.end ? DECODE_TICK : DECODE_MALFORMED;
}
