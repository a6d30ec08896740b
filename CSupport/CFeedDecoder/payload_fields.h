// The second pass: what a payload's values mean. Each function gives DECODE_TICK or the reason for refusing the
// message.

#ifndef TICKLINE_PAYLOAD_FIELDS_H
#define TICKLINE_PAYLOAD_FIELDS_H

#include "decimal_text.h"
#include "instrument_find.h"
#include "payload.h"

// `value` as it is, when it is of that type.
static inline enum decode_result require_type(const struct json_value *_Nonnull value, enum json_type type) {
    if (value->type == type) return DECODE_TICK;
    return type == JSON_STRING && value->type == JSON_ESCAPED_STRING ? DECODE_ESCAPED : DECODE_WRONG_TYPE;
}

static inline enum decode_result field(const struct payload *_Nonnull payload, uint8_t letter, enum json_type type,
                                       const struct json_value *_Nonnull *_Nonnull value) {
    if (!has(payload, letter)) return DECODE_MISSING_FIELD;
    *value = &payload->values[letter - FIRST_LETTER];
    return require_type(*value, type);
}

static inline enum decode_result symbol_field(const struct payload *_Nonnull payload,
                                              const struct instrument_table *_Nonnull table,
                                              const struct instrument *_Nullable *_Nonnull instrument) {
    const struct json_value *symbol;
    REQUIRE(field(payload, 's', JSON_STRING, &symbol));
    *instrument = instrument_find(table, symbol->bytes, symbol->byte_count);
    return *instrument == NULL ? DECODE_UNKNOWN_SYMBOL : DECODE_TICK;
}

static inline enum decode_result number_field(const struct payload *_Nonnull payload, uint8_t letter, uint8_t decimals,
                                              bool zero_allowed, int64_t *_Nonnull scaled) {
    const struct json_value *value;
    REQUIRE(field(payload, letter, JSON_STRING, &value));
    REQUIRE(decimal_text_scaled(value->bytes, value->byte_count, decimals, scaled));
    return *scaled == 0 && !zero_allowed ? DECODE_ZERO : DECODE_TICK;
}

static inline enum decode_result id_value(const struct json_value *_Nonnull value, int64_t *_Nonnull id) {
    REQUIRE(require_type(value, JSON_NUMBER));
    return decimal_text_integer(value->bytes, value->byte_count, id) ? DECODE_TICK : DECODE_BAD_ID;
}

static inline enum decode_result id_field(const struct payload *_Nonnull payload, uint8_t letter,
                                          int64_t *_Nonnull id) {
    if (!has(payload, letter)) return DECODE_MISSING_FIELD;
    return id_value(&payload->values[letter - FIRST_LETTER], id);
}

static inline enum decode_result time_field(const struct payload *_Nonnull payload, uint8_t letter,
                                            int64_t *_Nonnull time_ns) {
    static const int64_t first_microseconds = 100000000000000; // 10^14
    const struct json_value *value;
    int64_t time;
    REQUIRE(field(payload, letter, JSON_NUMBER, &value));
    if (!decimal_text_integer(value->bytes, value->byte_count, &time)) return DECODE_BAD_TIME;
    int64_t unit_ns = time < first_microseconds ? 1000000 : 1000;
    return __builtin_mul_overflow(time, unit_ns, time_ns) ? DECODE_BAD_TIME : DECODE_TICK;
}

static inline enum decode_result truth_field(const struct payload *_Nonnull payload, uint8_t letter,
                                             bool *_Nonnull truth) {
    if (!has(payload, letter)) return DECODE_MISSING_FIELD;
    enum json_type type = payload->values[letter - FIRST_LETTER].type;
    if (type != JSON_TRUE && type != JSON_FALSE) return DECODE_WRONG_TYPE;
    *truth = type == JSON_TRUE;
    return DECODE_TICK;
}

#endif
