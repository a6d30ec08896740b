// Binance Spot and USD-M order book messages to 64-byte slots: depth updates (`depthUpdate`, any speed) and partial
// books
// (`lastUpdateId`, `bids`, `asks`), raw or in the envelope.
//
// Threads: no state; any number of threads may decode with one table.
// Memory: the caller's. Nothing allocates or blocks; nothing is read past the given length. Cost: one pass, linear in
// the message, where bids come before asks and behind what says whose they are, as the exchange sends them; a second
// look at the levels otherwise.
//
// Rules, beside those of decode_result.h:
// - A level is an array of two strings: a price above zero, and a quantity that may be zero. Value and number of
//   decimals give its text back.
// - A book that needs more slots than the caller has is refused as a whole.
// - A partial book names no symbol. The envelope's stream does; without an envelope the table does, when exactly one
//   instrument has INSTRUMENT_PARTIAL_STREAM.
// - USD-M sends partial books as depthUpdate with "pu". The envelope's stream tells them; without an envelope they are
//   partial where the instrument has INSTRUMENT_PARTIAL_STREAM alone, and refused where it has both streams.
// - A payload with "e" and "lastUpdateId" is no message of the exchange.

#ifndef TICKLINE_BOOK_DECODE_H
#define TICKLINE_BOOK_DECODE_H

#include "decode_result.h"
#include "instrument_table.h"
#include "tick_record.h"

// Levels of one slot.
#define BOOK_SLOT_LEVELS 3
// Slots of one book, header included; the same as BookUpdate.mostSlots in Swift.
#define BOOK_SLOTS_MAX 8192

enum book_side { BOOK_BIDS = 0, BOOK_ASKS = 1, BOOK_SIDE_COUNT };

struct book_level {
    int64_t price, quantity;
};

// The layout of the Swift type `BookLevelSlot`; both sides assert it.
struct book_level_slot {
    struct book_level levels[BOOK_SLOT_LEVELS];
    uint8_t digits[2 * BOOK_SLOT_LEVELS]; // of price and quantity of each level
    uint8_t level_count;
    uint8_t side; // enum book_side
    uint32_t instrument;
    uint8_t kind; // TICK_RECORD_BOOK_LEVELS
    uint8_t flags;
    uint16_t feed;
};

static_assert(sizeof(struct book_level_slot) == 64, "one ring slot");
static_assert(offsetof(struct book_level_slot, digits) == 48, "three levels in front");
static_assert(offsetof(struct book_level_slot, instrument) == offsetof(struct tick_record, instrument), "as in a tick");
static_assert(offsetof(struct book_level_slot, kind) == offsetof(struct tick_record, kind), "as in a tick");

// A book is a header and its levels, bids first. The header: id the last update id, price the first one (a partial
// book: the same as id), quantity "pu" or -1, secondary_price the transaction time in ns or 0, secondary_quantity the
// number of bids in the upper 32 bits and of asks in the lower, exchange_time_ns the event time or 0.
union book_slot {
    struct tick_record header;
    struct book_level_slot levels;
};

// Decodes one message into `slots[0 ..< *slot_count]`, at most `slot_capacity` (at least 1). DECODE_DEPTH and
// DECODE_PARTIAL_DEPTH: all of it is written. Anything else: the slots' content is undefined; DECODE_UNRECOGNISED also
// where the message is none for this decoder (trade_decode.h tells).
__attribute__((warn_unused_result)) enum decode_result
book_decode(const uint8_t *_Nonnull message, size_t message_bytes, const struct instrument_table *_Nonnull table,
            uint64_t receive_monotonic_ns, uint16_t feed, union book_slot *_Nonnull slots, uint32_t slot_capacity,
            uint32_t *_Nonnull slot_count);

#endif
