#include "book_decode.h"

#include "payload_fields.h"

// A book under way. The payload comes first: the first pass hands it back.
struct book {
    struct payload payload;
    const struct instrument_table *table;
    union book_slot *slots;
    uint32_t slot_capacity;
    uint32_t slot_count;
    uint16_t feed;
    // Whose scale the levels read so far have.
    const struct instrument *instrument;
    uint32_t level_counts[BOOK_SIDE_COUNT];
    // Where the first pass read a side in place, NULL for nowhere.
    const uint8_t *read_at[BOOK_SIDE_COUNT];
};

// ---- whose book it is ----

// What follows the symbol in a depth stream's name; a partial book's has its number of levels behind it.
static const char depth_type[] = "@depth";
#define DEPTH_TYPE_BYTES (sizeof depth_type - 1)

// The symbol's bytes in a depth stream's name such as btcusdt@depth5@100ms; 0 where it is none.
static size_t stream_symbol_bytes(const struct json_value *stream, bool *is_partial) {
    const uint8_t *sign = memchr(stream->bytes, '@', stream->byte_count);
    if (sign == NULL) return 0;
    size_t symbol_bytes = (size_t)(sign - stream->bytes);
    size_t type_bytes = stream->byte_count - symbol_bytes;
    if (type_bytes < DEPTH_TYPE_BYTES || memcmp(sign, depth_type, DEPTH_TYPE_BYTES) != 0) return 0;
    *is_partial = type_bytes > DEPTH_TYPE_BYTES && (uint8_t)(sign[DEPTH_TYPE_BYTES] - '0') < 10;
    return symbol_bytes;
}

// The instrument of a partial book's stream, which names it in lower case.
static enum decode_result instrument_of_stream(const struct book *book, const struct instrument **instrument) {
    bool is_partial = false;
    REQUIRE(require_type(&book->payload.stream, JSON_STRING));
    size_t symbol_bytes = stream_symbol_bytes(&book->payload.stream, &is_partial);
    if (symbol_bytes == 0 || !is_partial) return DECODE_UNKNOWN_STREAM;
    if (symbol_bytes > INSTRUMENT_SYMBOL_BYTES_MAX) return DECODE_UNKNOWN_SYMBOL;
    uint8_t symbol[INSTRUMENT_SYMBOL_BYTES_MAX];
    for (size_t i = 0; i < symbol_bytes; i++) {
        uint8_t byte = book->payload.stream.bytes[i];
        symbol[i] = (uint8_t)(byte - 'a') < 26 ? (uint8_t)(byte - 'a' + 'A') : byte;
    }
    *instrument = instrument_find(book->table, symbol, symbol_bytes);
    return *instrument == NULL ? DECODE_UNKNOWN_SYMBOL : DECODE_TICK;
}

static enum decode_result instrument_of(const struct book *book, const struct instrument **instrument) {
    if (book->payload.kind == TICK_RECORD_DEPTH) return symbol_field(&book->payload, book->table, instrument);
    if (book->payload.has_stream) return instrument_of_stream(book, instrument);
    if (book->table->partial_count == 0) return DECODE_UNKNOWN_STREAM;
    if (book->table->partial_count > 1) return DECODE_AMBIGUOUS_STREAM;
    *instrument = instrument_find_partial(book->table);
    return DECODE_TICK;
}

// DECODE_DEPTH or DECODE_PARTIAL_DEPTH for a depthUpdate, else why it can't be told.
static enum decode_result kind_of_update(const struct book *book) {
    if (!has_name(&book->payload, NAME_PREVIOUS_UPDATE_ID)) return DECODE_DEPTH;
    if (book->payload.has_stream) {
        bool is_partial = false;
        REQUIRE(require_type(&book->payload.stream, JSON_STRING));
        size_t symbol_bytes = stream_symbol_bytes(&book->payload.stream, &is_partial);
        return symbol_bytes > 0 && is_partial ? DECODE_PARTIAL_DEPTH : DECODE_DEPTH;
    }
    if ((book->instrument->book_streams & INSTRUMENT_PARTIAL_STREAM) == 0) return DECODE_DEPTH;
    bool is_both = (book->instrument->book_streams & INSTRUMENT_DIFF_STREAM) != 0;
    return is_both ? DECODE_AMBIGUOUS_STREAM : DECODE_PARTIAL_DEPTH;
}

// ---- levels ----

static enum decode_result begin_slot(struct book *book, enum book_side side) {
    if (book->slot_count == book->slot_capacity) return DECODE_TOO_MANY_LEVELS;
    book->slots[book->slot_count++].levels = (struct book_level_slot){
        .side = (uint8_t)side,
        .instrument = book->instrument->index,
        .kind = TICK_RECORD_BOOK_LEVELS,
        .feed = book->feed,
    };
    return DECODE_TICK;
}

// Takes `["price","quantity"]`. DECODE_WRONG_TYPE also stands for text that is no JSON: take_levels looks again.
static enum decode_result take_level(struct json_cursor *cursor, const struct instrument *instrument,
                                     struct book_level_slot *slot) {
    struct json_value price, quantity;
    if (!json_take(cursor, '[') || json_scan_string(cursor, &price) != JSON_SCAN_OK) return DECODE_WRONG_TYPE;
    if (!json_take(cursor, ',') || json_scan_string(cursor, &quantity) != JSON_SCAN_OK) return DECODE_WRONG_TYPE;
    if (!json_take(cursor, ']')) return DECODE_WRONG_TYPE;
    REQUIRE(require_type(&price, JSON_STRING));
    REQUIRE(require_type(&quantity, JSON_STRING));
    uint32_t at = slot->level_count++;
    uint8_t *digits = &slot->digits[2 * at];
    REQUIRE(decimal_text_exact(price.bytes, price.byte_count, instrument->price_decimals, &slot->levels[at].price,
                               &digits[0]));
    if (slot->levels[at].price == 0) return DECODE_ZERO;
    return decimal_text_exact(quantity.bytes, quantity.byte_count, instrument->quantity_decimals,
                              &slot->levels[at].quantity, &digits[1]);
}

// Takes the elements of a side's array, the cursor behind its opening bracket.
static enum decode_result take_elements(struct book *book, struct json_cursor *cursor, enum book_side side) {
    if (json_take(cursor, ']')) return DECODE_TICK;
    struct book_level_slot *slot = NULL;
    do {
        if (slot == NULL || slot->level_count == BOOK_SLOT_LEVELS) {
            REQUIRE(begin_slot(book, side));
            slot = &book->slots[book->slot_count - 1].levels;
        }
        REQUIRE(take_level(cursor, book->instrument, slot));
        book->level_counts[side]++;
    } while (json_take(cursor, ','));
    return json_take(cursor, ']') ? DECODE_TICK : DECODE_WRONG_TYPE;
}

// Takes a side's array, the cursor on its opening bracket, into the next slots.
static enum decode_result take_levels(struct book *book, struct json_cursor *cursor, enum book_side side) {
    struct json_cursor again = *cursor;
    cursor->at++;
    book->level_counts[side] = 0;
    enum decode_result result = take_elements(book, cursor, side);
    if (result != DECODE_WRONG_TYPE) return result;
    // No levels: are they something else, or no JSON at all?
    struct json_value value;
    enum json_scan_result scanned = json_scan_value(&again, DECODE_NESTING_MAX, &value);
    return scanned == JSON_SCAN_OK ? DECODE_WRONG_TYPE : refusal(scanned);
}

// ---- first pass ----

static bool is_side_key(const struct payload *payload, const struct json_value *key, enum book_side *side) {
    if (key->type != JSON_STRING) return false;
    const char *const names[BOOK_SIDE_COUNT] = {payload->kind == TICK_RECORD_DEPTH ? "b" : "bids",
                                                payload->kind == TICK_RECORD_DEPTH ? "a" : "asks"};
    *side = text_is(key, names[BOOK_ASKS]) ? BOOK_ASKS : BOOK_BIDS;
    return text_is(key, names[*side]);
}

// Where the payload keeps a side; `*is_there` tells whether it has it.
static struct json_value *side_value(struct payload *payload, enum book_side side, bool *is_there) {
    if (payload->kind == TICK_RECORD_DEPTH) {
        uint8_t letter = side == BOOK_BIDS ? 'b' : 'a';
        *is_there = has(payload, letter);
        return &payload->values[letter - FIRST_LETTER];
    }
    enum payload_name name = side == BOOK_BIDS ? NAME_BIDS : NAME_ASKS;
    *is_there = has_name(payload, name);
    return &payload->named[name];
}

// Whether the payload's side, not one of an object before, is read already.
static bool is_read(struct book *book, enum book_side side) {
    bool is_there;
    const struct json_value *value = side_value(&book->payload, side, &is_there);
    return is_there && value->bytes == book->read_at[side];
}

// Whether what came before says whose levels these are, and no other side's must come first.
static bool can_read(struct book *book, enum book_side side) {
    if (side == BOOK_ASKS) return is_read(book, BOOK_BIDS);
    const struct payload *payload = &book->payload;
    bool is_told = payload->kind == TICK_RECORD_DEPTH ? has(payload, 's') : has_name(payload, NAME_LAST_UPDATE_ID);
    return is_told && instrument_of(book, &book->instrument) == DECODE_TICK;
}

static enum decode_result take_member(struct json_cursor *cursor, const struct json_value *key,
                                      struct payload *payload) {
    struct book *book = (struct book *)payload;
    enum book_side side;
    if (!is_side_key(payload, key, &side)) return payload_take_member(cursor, key, payload);
    bool is_there;
    struct json_value *value = side_value(payload, side, &is_there);
    json_skip_space(cursor);
    bool is_array = cursor->at < cursor->end && *cursor->at == '[';
    if (is_there || !is_array || !can_read(book, side)) return payload_take_member(cursor, key, payload);
    const uint8_t *start = cursor->at;
    if (side == BOOK_BIDS) book->slot_count = 1;
    REQUIRE(take_levels(book, cursor, side));
    *value = (struct json_value){.bytes = start, .byte_count = (uint32_t)(cursor->at - start), .type = JSON_ARRAY};
    book->read_at[side] = start;
    if (payload->kind == TICK_RECORD_DEPTH) {
        payload->letters |= letter_bit(key->bytes[0]);
    } else {
        payload->names |= 1u << (side == BOOK_BIDS ? NAME_BIDS : NAME_ASKS);
    }
    return DECODE_TICK;
}

// ---- second pass ----

// Reads the sides that the first pass only found.
static enum decode_result take_left_levels(struct book *book) {
    const struct instrument *instrument;
    REQUIRE(instrument_of(book, &instrument));
    // A raw message that names a stream behind its levels: none that the exchange sends.
    if (is_read(book, BOOK_BIDS) && book->instrument != instrument) return DECODE_AMBIGUOUS_STREAM;
    if (!is_read(book, BOOK_BIDS)) book->slot_count = 1;
    book->instrument = instrument;
    for (enum book_side side = BOOK_BIDS; side < BOOK_SIDE_COUNT; side++) {
        bool is_there;
        const struct json_value *value = side_value(&book->payload, side, &is_there);
        if (!is_there) return DECODE_MISSING_FIELD;
        if (is_read(book, side)) continue;
        REQUIRE(require_type(value, JSON_ARRAY));
        struct json_cursor cursor = {.at = value->bytes, .end = value->bytes + value->byte_count};
        REQUIRE(take_levels(book, &cursor, side));
    }
    return DECODE_TICK;
}

// The header of a depthUpdate.
static enum decode_result fill_update(const struct book *book, struct tick_record *header) {
    const struct payload *payload = &book->payload;
    int64_t last;
    if (has_name(payload, NAME_LAST_UPDATE_ID)) return DECODE_UNRECOGNISED;
    REQUIRE(id_field(payload, 'U', &header->price));
    REQUIRE(id_field(payload, 'u', &last));
    if (header->price > last) return DECODE_BAD_ID;
    header->id = (uint64_t)last;
    if (has_name(payload, NAME_PREVIOUS_UPDATE_ID)) {
        REQUIRE(id_value(&payload->named[NAME_PREVIOUS_UPDATE_ID], &header->quantity));
    }
    REQUIRE(time_field(payload, 'E', &header->exchange_time_ns));
    if (has(payload, 'T')) REQUIRE(time_field(payload, 'T', &header->secondary_price));
    enum decode_result kind = kind_of_update(book);
    if (kind == DECODE_PARTIAL_DEPTH) header->price = last;
    return kind;
}

// The header of a partial book with "lastUpdateId".
static enum decode_result fill_partial(const struct book *book, struct tick_record *header) {
    const struct payload *payload = &book->payload;
    REQUIRE(id_value(&payload->named[NAME_LAST_UPDATE_ID], &header->price));
    header->id = (uint64_t)header->price;
    if (has(payload, 'E')) REQUIRE(time_field(payload, 'E', &header->exchange_time_ns));
    if (has(payload, 'T')) REQUIRE(time_field(payload, 'T', &header->secondary_price));
    return DECODE_PARTIAL_DEPTH;
}

enum decode_result book_decode(const uint8_t *message, size_t message_bytes, const struct instrument_table *table,
                               uint64_t receive_monotonic_ns, uint16_t feed, union book_slot *slots,
                               uint32_t slot_capacity, uint32_t *slot_count) {
    static const struct payload_rules rules = {.kinds = 1u << TICK_RECORD_DEPTH, .take_member = take_member};
    struct book book;
    book.table = table;
    book.slots = slots;
    book.slot_capacity = slot_capacity;
    book.feed = feed;
    book.read_at[BOOK_BIDS] = book.read_at[BOOK_ASKS] = NULL;
    enum decode_result result = payload_scan(message, message_bytes, &rules, &book.payload);
    if (result != DECODE_TICK) return result < DECODE_MALFORMED ? DECODE_UNRECOGNISED : result;
    bool is_update = book.payload.kind == TICK_RECORD_DEPTH;
    if (!is_update && !has_name(&book.payload, NAME_LAST_UPDATE_ID)) return DECODE_UNRECOGNISED;
    REQUIRE(take_left_levels(&book));

    struct tick_record header = {
        .receive_monotonic_ns = receive_monotonic_ns,
        .quantity = -1,
        .secondary_quantity = (int64_t)book.level_counts[BOOK_BIDS] << 32 | book.level_counts[BOOK_ASKS],
        .instrument = book.instrument->index,
        .feed = feed,
    };
    result = is_update ? fill_update(&book, &header) : fill_partial(&book, &header);
    header.kind = result == DECODE_DEPTH ? TICK_RECORD_DEPTH : TICK_RECORD_PARTIAL_DEPTH;
    slots[0].header = header;
    *slot_count = book.slot_count;
    return result;
}
