#include "instrument_find.h"

#include "byte_words.h"

#include <stdbool.h>
#include <string.h>

// Enough for every instrument of every exchange; keeps the table's size within 32 bits.
#define INSTRUMENTS_MAX (1u << 20)

static uint32_t slot_count_for(uint32_t instrument_count) {
    uint32_t slots = 2;
    // At most half full, so a probe ends soon and always finds an empty slot.
    while (slots < 2 * instrument_count)
        slots *= 2;
    return slots;
}

static struct instrument *first_slot(struct instrument_table *table) {
    return (struct instrument *)(table + 1);
}

// The symbols come from our own settings, so the hash needs to be cheap, not proof against an adversary.
static uint64_t hash_of(const uint8_t *symbol, size_t bytes) {
    uint64_t hash = bytes;
    for (size_t at = 0; at < bytes; at += 8) {
        // The golden ratio's multiplier spreads low bits upwards, the shift brings them back down.
        hash = (hash ^ word_of(symbol + at, bytes - at)) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static bool is_symbol(const struct instrument *slot, const uint8_t *symbol, size_t bytes) {
    if (slot->symbol_bytes != bytes) return false;
    // A slot's symbol has zeros behind it, as word_of has.
    for (size_t at = 0; at < bytes; at += 8) {
        if (word_at(slot->symbol + at) != word_of(symbol + at, bytes - at)) return false;
    }
    return true;
}

size_t instrument_table_bytes(uint32_t instrument_count) {
    if (instrument_count > INSTRUMENTS_MAX) return 0;
    return sizeof(struct instrument_table) + slot_count_for(instrument_count) * sizeof(struct instrument);
}

void instrument_table_init(struct instrument_table *memory, uint32_t instrument_count) {
    memset(memory, 0, instrument_table_bytes(instrument_count));
    memory->slot_count = slot_count_for(instrument_count);
}

enum instrument_table_result instrument_table_add(struct instrument_table *table, const uint8_t *symbol,
                                                  size_t symbol_bytes, uint32_t index, uint8_t price_decimals,
                                                  uint8_t quantity_decimals, uint8_t book_streams) {
    if (symbol_bytes == 0 || symbol_bytes > INSTRUMENT_SYMBOL_BYTES_MAX) return INSTRUMENT_TABLE_BAD_SYMBOL;
    if (price_decimals > INSTRUMENT_DECIMALS_MAX || quantity_decimals > INSTRUMENT_DECIMALS_MAX)
        return INSTRUMENT_TABLE_BAD_SCALE;
    if (instrument_find(table, symbol, symbol_bytes) != NULL) return INSTRUMENT_TABLE_DUPLICATE;
    if (2 * (table->used_count + 1) > table->slot_count) return INSTRUMENT_TABLE_FULL;
    uint32_t position = (uint32_t)hash_of(symbol, symbol_bytes) & (table->slot_count - 1);
    while (first_slot(table)[position].symbol_bytes != 0)
        position = (position + 1) & (table->slot_count - 1);
    struct instrument *slot = &first_slot(table)[position];
    memcpy(slot->symbol, symbol, symbol_bytes);
    slot->symbol_bytes = (uint8_t)symbol_bytes;
    slot->index = index;
    slot->price_decimals = price_decimals;
    slot->quantity_decimals = quantity_decimals;
    slot->book_streams = book_streams;
    if ((book_streams & INSTRUMENT_PARTIAL_STREAM) != 0) {
        table->partial_count++;
        table->partial_position = position;
    }
    table->used_count++;
    return INSTRUMENT_TABLE_OK;
}

const struct instrument *instrument_find(const struct instrument_table *table, const uint8_t *symbol,
                                         size_t symbol_bytes) {
    if (symbol_bytes == 0 || symbol_bytes > INSTRUMENT_SYMBOL_BYTES_MAX) return NULL;
    const struct instrument *slots = (const struct instrument *)(table + 1);
    uint32_t position = (uint32_t)hash_of(symbol, symbol_bytes) & (table->slot_count - 1);
    for (;;) {
        const struct instrument *slot = &slots[position];
        if (slot->symbol_bytes == 0) return NULL;
        if (is_symbol(slot, symbol, symbol_bytes)) return slot;
        position = (position + 1) & (table->slot_count - 1);
    }
}

const struct instrument *instrument_find_partial(const struct instrument_table *table) {
    return (const struct instrument *)(table + 1) + table->partial_position;
}
