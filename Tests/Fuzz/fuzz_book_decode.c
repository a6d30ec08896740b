// Books: what is taken is as its header says and stays within the caller's slots, the order in which sides are read
// makes no difference, and the start of a message is none.

#include "book_decode.h"
#include "fuzz_support.h"

// Few enough that inputs reach the bound.
#define MOST_SLOTS 24

// A book in memory of exactly its capacity; the caller frees the slots.
struct decoded {
    enum decode_result result;
    union book_slot *slots;
    uint32_t slot_count;
};

static struct decoded decode(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                             uint32_t capacity) {
    struct decoded book = {.slots = calloc(capacity, sizeof(union book_slot))};
    CHECK(book.slots != NULL);
    book.result = book_decode(message, message_bytes, table, 99, 7, book.slots, capacity, &book.slot_count);
    CHECK(book.result == DECODE_DEPTH || book.result == DECODE_PARTIAL_DEPTH || book.result >= DECODE_MALFORMED);
    CHECK(book.result < DECODE_RESULT_COUNT);
    return book;
}

static uint32_t check_side(const struct book_level_slot *slot, uint32_t slots_left, enum book_side side, uint32_t left,
                           const struct tick_record *header) {
    uint32_t slots = (left + BOOK_SLOT_LEVELS - 1) / BOOK_SLOT_LEVELS;
    CHECK(slots <= slots_left);
    for (uint32_t i = 0; i < slots; i++, slot++) {
        uint32_t count = left < BOOK_SLOT_LEVELS ? left : BOOK_SLOT_LEVELS;
        CHECK(slot->kind == TICK_RECORD_BOOK_LEVELS && slot->side == side && slot->level_count == count);
        CHECK(slot->instrument == header->instrument && slot->feed == header->feed && slot->flags == 0);
        for (uint32_t level = 0; level < BOOK_SLOT_LEVELS; level++) {
            bool is_used = level < count;
            CHECK(is_used ? slot->levels[level].price > 0 : slot->levels[level].price == 0);
            CHECK(is_used ? slot->levels[level].quantity >= 0 : slot->levels[level].quantity == 0);
        }
        left -= count;
    }
    return slots;
}

static void check_book(const struct decoded *book) {
    const struct tick_record *header = &book->slots[0].header;
    CHECK(header->kind == (book->result == DECODE_DEPTH ? TICK_RECORD_DEPTH : TICK_RECORD_PARTIAL_DEPTH));
    CHECK(header->instrument < KNOWN_SYMBOLS && header->feed == 7 && header->receive_monotonic_ns == 99);
    CHECK(header->id <= INT64_MAX && header->price >= 0 && (uint64_t)header->price <= header->id);
    CHECK(header->quantity >= -1 && header->exchange_time_ns >= 0 && header->secondary_price >= 0);
    uint32_t bids = (uint32_t)((uint64_t)header->secondary_quantity >> 32);
    uint32_t asks = (uint32_t)header->secondary_quantity;
    const struct book_level_slot *levels = &book->slots[1].levels;
    uint32_t left = book->slot_count - 1;
    uint32_t bid_slots = check_side(levels, left, BOOK_BIDS, bids, header);
    uint32_t ask_slots = check_side(levels + bid_slots, left - bid_slots, BOOK_ASKS, asks, header);
    CHECK(book->slot_count == 1 + bid_slots + ask_slots);
}

// The same message with a space behind each colon.
static void check_spaced(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                         uint32_t capacity, const struct decoded *book) {
    size_t spaced_bytes;
    uint8_t *spaced = spaced_copy(message, message_bytes, &spaced_bytes);
    struct decoded other = decode(table, spaced, spaced_bytes, capacity);
    CHECK(other.result == book->result);
    if (book->result < DECODE_MALFORMED) {
        CHECK(other.slot_count == book->slot_count);
        CHECK(memcmp(other.slots, book->slots, book->slot_count * sizeof(union book_slot)) == 0);
    }
    free(other.slots);
    free(spaced);
}

// With one slot fewer than it takes, a book is refused for that reason.
static void check_bound(const struct instrument_table *table, const uint8_t *message, size_t message_bytes,
                        const struct decoded *book) {
    if (book->slot_count < 2) return;
    struct decoded other = decode(table, message, message_bytes, book->slot_count - 1);
    CHECK(other.result == DECODE_TOO_MANY_LEVELS);
    free(other.slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct instrument_table *table = known_instruments(data[0]);
    const uint8_t *message = data + 1;
    size_t message_bytes = size - 1;
    uint32_t capacity = 1 + data[0] % MOST_SLOTS;
    struct decoded book = decode(table, message, message_bytes, capacity);
    check_spaced(table, message, message_bytes, capacity, &book);
    bool is_book = book.result < DECODE_MALFORMED;
    if (is_book) {
        CHECK(book.slot_count >= 1 && book.slot_count <= capacity);
        check_book(&book);
        check_bound(table, message, message_bytes, &book);
    }

    size_t cut = message_bytes * data[0] / 256;
    uint8_t *prefix = exact_copy(message, cut);
    struct decoded before = decode(table, prefix, cut, capacity);
    if (is_book && before.result != DECODE_MALFORMED) {
        CHECK(before.result == book.result && is_space(message + cut, message_bytes - cut));
    }
    free(before.slots);
    free(prefix);
    free(book.slots);
    free(table);
    return 0;
}
