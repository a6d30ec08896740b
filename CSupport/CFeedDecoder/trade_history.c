#include "trade_history.h"

#include "payload_fields.h"

// A key of a row, and the letter that its value is kept under: those of the streams' messages.
struct row_key {
    const char *name;
    uint8_t letter;
};

static const struct row_key trade_keys[] = {{"id", 't'},   {"price", 'p'},        {"qty", 'q'},
                                            {"time", 'T'}, {"isBuyerMaker", 'm'}, {NULL, 0}};
static const struct row_key aggregate_keys[] = {{"a", 't'}, {"p", 'p'}, {"q", 'q'}, {"T", 'T'},
                                                {"m", 'm'}, {"f", 'f'}, {"l", 'l'}, {NULL, 0}};

// Takes a key and its value.
static enum decode_result take_row_member(struct json_cursor *cursor, const struct row_key *keys, struct payload *row) {
    struct json_value key, value;
    enum json_scan_result scanned = json_scan_string(cursor, &key);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    if (!json_take(cursor, ':')) return DECODE_MALFORMED;
    scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &value);
    if (scanned != JSON_SCAN_OK) return refusal(scanned);
    if (key.type == JSON_ESCAPED_STRING) return DECODE_ESCAPED;
    while (keys->name != NULL && !text_is(&key, keys->name))
        keys++;
    if (keys->name == NULL) return DECODE_TICK;
    if (has(row, keys->letter)) return DECODE_DUPLICATE_KEY;
    row->letters |= letter_bit(keys->letter);
    row->values[keys->letter - FIRST_LETTER] = value;
    return DECODE_TICK;
}

static enum decode_result take_row(struct json_cursor *cursor, const struct row_key *keys, struct payload *row) {
    row->letters = 0;
    if (!json_take(cursor, '{')) {
        struct json_value value;
        enum json_scan_result scanned = json_scan_value(cursor, DECODE_NESTING_MAX, &value);
        return scanned == JSON_SCAN_OK ? DECODE_WRONG_TYPE : refusal(scanned);
    }
    if (json_take(cursor, '}')) return DECODE_TICK;
    do {
        REQUIRE(take_row_member(cursor, keys, row));
    } while (json_take(cursor, ','));
    return json_take(cursor, '}') ? DECODE_TICK : DECODE_MALFORMED;
}

static enum decode_result read_row(const struct payload *row, const struct trade_history *history,
                                   struct tick_record *record) {
    int64_t id;
    bool is_maker;
    *record = (struct tick_record){
        .instrument = history->instrument,
        .kind = history->is_aggregates ? TICK_RECORD_AGGREGATE_TRADE : TICK_RECORD_TRADE,
        .feed = history->feed,
    };
    REQUIRE(id_field(row, 't', &id));
    REQUIRE(truth_field(row, 'm', &is_maker));
    REQUIRE(number_field(row, 'p', history->price_decimals, false, &record->price));
    REQUIRE(number_field(row, 'q', history->quantity_decimals, false, &record->quantity));
    REQUIRE(time_field(row, 'T', &record->exchange_time_ns));
    record->id = (uint64_t)id;
    record->flags = is_maker ? TICK_RECORD_BUYER_IS_MAKER : 0;
    if (!history->is_aggregates) return DECODE_TICK;
    REQUIRE(id_field(row, 'f', &record->secondary_price));
    REQUIRE(id_field(row, 'l', &record->secondary_quantity));
    return record->secondary_price > record->secondary_quantity ? DECODE_BAD_ID : DECODE_TICK;
}

// Only white space may follow the closing bracket.
static enum decode_result end_of_body(struct json_cursor *cursor, bool *is_end) {
    json_skip_space(cursor);
    *is_end = true;
    return cursor->at == cursor->end ? DECODE_TICK : DECODE_MALFORMED;
}

enum decode_result trade_history_next(struct trade_history *history, struct tick_record *record, bool *is_end) {
    struct json_cursor cursor = {.at = history->at, .end = history->end};
    // Values keep their length in 32 bits.
    if (cursor.end - cursor.at > (ptrdiff_t)UINT32_MAX) return DECODE_MALFORMED;
    *is_end = false;
    if (!history->is_begun) {
        if (!json_take(&cursor, '[')) return DECODE_MALFORMED;
        history->is_begun = true;
        if (json_take(&cursor, ']')) return end_of_body(&cursor, is_end);
    } else {
        if (json_take(&cursor, ']')) return end_of_body(&cursor, is_end);
        if (!json_take(&cursor, ',')) return DECODE_MALFORMED;
    }
    struct payload row;
    REQUIRE(take_row(&cursor, history->is_aggregates ? aggregate_keys : trade_keys, &row));
    REQUIRE(read_row(&row, history, record));
    history->at = cursor.at;
    return DECODE_TICK;
}
