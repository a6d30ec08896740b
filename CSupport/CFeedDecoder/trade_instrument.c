#include "trade_instrument.h"

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

static struct trade_instrument *first_slot(struct trade_instrument_table *table) {
    return (struct trade_instrument *)(table + 1);
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

static bool is_symbol(const struct trade_instrument *slot, const uint8_t *symbol, size_t bytes) {
    if (slot->symbol_bytes != bytes) return false;
    // A slot's symbol has zeros behind it, as word_of has.
    for (size_t at = 0; at < bytes; at += 8) {
        if (word_at(slot->symbol + at) != word_of(symbol + at, bytes - at)) return false;
    }
    return true;
}

size_t trade_instrument_table_bytes(uint32_t instrument_count) {
    if (instrument_count > INSTRUMENTS_MAX) return 0;
    return sizeof(struct trade_instrument_table) + slot_count_for(instrument_count) * sizeof(struct trade_instrument);
}

void trade_instrument_table_init(struct trade_instrument_table *memory, uint32_t instrument_count) {
    memset(memory, 0, trade_instrument_table_bytes(instrument_count));
    memory->slot_count = slot_count_for(instrument_count);
}

enum trade_table_result trade_instrument_table_add(struct trade_instrument_table *table, const uint8_t *symbol,
                                                   size_t symbol_bytes, uint32_t index, uint8_t price_decimals,
                                                   uint8_t quantity_decimals) {
    if (symbol_bytes == 0 || symbol_bytes > TRADE_SYMBOL_BYTES_MAX) return TRADE_TABLE_BAD_SYMBOL;
    if (price_decimals > TRADE_DECIMALS_MAX || quantity_decimals > TRADE_DECIMALS_MAX) return TRADE_TABLE_BAD_SCALE;
    if (trade_instrument_find(table, symbol, symbol_bytes) != NULL) return TRADE_TABLE_DUPLICATE;
    if (2 * (table->used_count + 1) > table->slot_count) return TRADE_TABLE_FULL;
    uint32_t position = (uint32_t)hash_of(symbol, symbol_bytes) & (table->slot_count - 1);
    while (first_slot(table)[position].symbol_bytes != 0)
        position = (position + 1) & (table->slot_count - 1);
    struct trade_instrument *slot = &first_slot(table)[position];
    memcpy(slot->symbol, symbol, symbol_bytes);
    slot->symbol_bytes = (uint8_t)symbol_bytes;
    slot->index = index;
    slot->price_decimals = price_decimals;
    slot->quantity_decimals = quantity_decimals;
    table->used_count++;
    return TRADE_TABLE_OK;
}

const struct trade_instrument *trade_instrument_find(const struct trade_instrument_table *table, const uint8_t *symbol,
                                                     size_t symbol_bytes) {
    if (symbol_bytes == 0 || symbol_bytes > TRADE_SYMBOL_BYTES_MAX) return NULL;
    const struct trade_instrument *slots = (const struct trade_instrument *)(table + 1);
    uint32_t position = (uint32_t)hash_of(symbol, symbol_bytes) & (table->slot_count - 1);
    for (;;) {
        const struct trade_instrument *slot = &slots[position];
        if (slot->symbol_bytes == 0) return NULL;
        if (is_symbol(slot, symbol, symbol_bytes)) return slot;
        position = (position + 1) & (table->slot_count - 1);
    }
}
