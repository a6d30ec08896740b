// Binance Spot and USD-M market messages to 64-byte records: trade, aggTrade and bookTicker, raw or in the combined
// envelope {"stream":..,"data":{..}}.
//
// Threads: no state; a filled instrument table is read-only, so any number of threads may decode with it.
// Memory: the caller's. Nothing allocates or blocks; nothing is read past the given length. Cost: one pass over the
// message and a second look at the fields used, linear in its length.
//
// Rules:
// - Keys may come in any order; unknown ones are skipped, their values checked for JSON grammar and nesting
//   (TRADE_DECODE_NESTING_MAX). Bytes behind the object, other than white space, make the message malformed.
// - A one-letter key, "stream" or "data" that comes twice in its object is refused: JSON leaves open which one counts.
// - Escapes in a payload's keys, or in a string that is used, are refused and never guessed at.
// - Prices and quantities are strings in JSON's number grammar without sign or exponent; they become integers at the
//   instrument's scale, exactly or not at all. Zeros beyond the scale are no loss.
// - A trade needs price and quantity above zero. A quote may have zeros: an empty side is "0.00000000".
// - USD-M trades whose "X" is not "MARKET" (insurance fund, liquidation take-over) carry TICK_RECORD_NO_PRICE; their
//   price and quantity may be zero.
// - Ids are JSON integers from 0 to 2^63-1.
// - Times are milliseconds, or microseconds from 10^14 on (1973 in microseconds, the year 5138 in milliseconds).
// - As soon as "e" names another event, the rest of the message is not looked at: a big depth update costs nothing.

#ifndef TICKLINE_TRADE_DECODE_H
#define TICKLINE_TRADE_DECODE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

// Containers inside each other in a skipped value; Binance's own messages need 4.
#define TRADE_DECODE_NESTING_MAX 16
// Longest symbol in bytes; Binance's longest is well below.
#define TRADE_SYMBOL_BYTES_MAX 48
// 10^12 is the finest scale.
#define TRADE_DECIMALS_MAX 12

// The layout of the Swift type `Tick`; both sides assert it. Which field means what is documented there.
struct tick_record {
    uint64_t id;
    int64_t exchange_time_ns;
    uint64_t receive_monotonic_ns;
    int64_t price;
    int64_t quantity;
    int64_t secondary_price;
    int64_t secondary_quantity;
    uint32_t instrument;
    uint8_t kind;  // enum tick_record_kind
    uint8_t flags; // TICK_RECORD_ bits
    uint16_t feed;
};

static_assert(sizeof(struct tick_record) == 64, "one ring slot");
static_assert(offsetof(struct tick_record, instrument) == 56, "seven 64-bit fields in front");
static_assert(offsetof(struct tick_record, kind) == 60, "every record's kind is at byte 60");

// Raw values of the Swift type `RecordKind`.
enum tick_record_kind { TICK_RECORD_TRADE = 2, TICK_RECORD_AGGREGATE_TRADE = 3, TICK_RECORD_QUOTE = 4 };

#define TICK_RECORD_BUYER_IS_MAKER 1u
#define TICK_RECORD_NO_PRICE 2u

enum trade_decode_result {
    TRADE_DECODE_TICK = 0,
    // Understood, but no tick.
    TRADE_DECODE_DEPTH, // depthUpdate, or a partial book
    TRADE_DECODE_KLINE,
    TRADE_DECODE_SERVER_SHUTDOWN, // the exchange asks for a new connection
    TRADE_DECODE_REPLY,           // {"result":..,"id":..}
    TRADE_DECODE_ERROR_REPLY,     // {"code":..,"msg":..} or {"error":{..},"id":..}
    TRADE_DECODE_OTHER_EVENT,     // any other "e", or an array of events
    // Refused, by reason.
    TRADE_DECODE_MALFORMED, // not JSON, or cut
    TRADE_DECODE_NESTED_TOO_DEEP,
    TRADE_DECODE_UNRECOGNISED, // a JSON object that is no message of the exchange
    TRADE_DECODE_DUPLICATE_KEY,
    TRADE_DECODE_ESCAPED, // an escape where a key or value is used
    TRADE_DECODE_MISSING_FIELD,
    TRADE_DECODE_WRONG_TYPE, // a field is of another JSON type
    TRADE_DECODE_UNKNOWN_SYMBOL,
    TRADE_DECODE_BAD_ID,   // not an integer from 0 to 2^63-1
    TRADE_DECODE_BAD_TIME, // not an integer, or beyond 2262
    TRADE_DECODE_NOT_A_NUMBER,
    TRADE_DECODE_EXPONENT,
    TRADE_DECODE_NEGATIVE,
    TRADE_DECODE_ZERO,
    TRADE_DECODE_TOO_PRECISE, // a non-zero digit beyond the instrument's scale
    TRADE_DECODE_TOO_LARGE,   // beyond 64 bits at the instrument's scale
    TRADE_DECODE_RESULT_COUNT,
};

// ---- instrument table ----

struct trade_instrument {
    uint8_t symbol[TRADE_SYMBOL_BYTES_MAX];
    uint8_t symbol_bytes; // 0 in an empty slot
    uint8_t price_decimals;
    uint8_t quantity_decimals;
    uint8_t pad[9];
    uint32_t index;
};

static_assert(sizeof(struct trade_instrument) == 64, "one cache line");

// An open-addressed hash table, at most half full, in the caller's memory; `slots` follow.
struct trade_instrument_table {
    uint32_t slot_count; // a power of two
    uint32_t used_count;
    uint8_t pad[56];
};

static_assert(sizeof(struct trade_instrument_table) == 64, "the slots stay aligned");

enum trade_table_result {
    TRADE_TABLE_OK = 0,
    TRADE_TABLE_BAD_SYMBOL,
    TRADE_TABLE_BAD_SCALE,
    TRADE_TABLE_DUPLICATE,
    TRADE_TABLE_FULL
};

// Bytes for a table of `instrument_count` instruments (at most 2^20; 0 beyond).
size_t trade_instrument_table_bytes(uint32_t instrument_count);

// Makes an empty table in `memory`, 64-byte aligned and trade_instrument_table_bytes() long.
void trade_instrument_table_init(struct trade_instrument_table *_Nonnull memory, uint32_t instrument_count);

// Adds one instrument; before any thread decodes. The symbol is copied.
__attribute__((warn_unused_result)) enum trade_table_result
trade_instrument_table_add(struct trade_instrument_table *_Nonnull table, const uint8_t *_Nonnull symbol,
                           size_t symbol_bytes, uint32_t index, uint8_t price_decimals, uint8_t quantity_decimals);

// ---- decoding ----

// Decodes one message into `*record`. Only on TRADE_DECODE_TICK is the whole record set; otherwise its content is
// undefined.
__attribute__((warn_unused_result)) enum trade_decode_result
trade_decode(const uint8_t *_Nonnull message, size_t message_bytes, const struct trade_instrument_table *_Nonnull table,
             uint64_t receive_monotonic_ns, uint16_t feed, struct tick_record *_Nonnull record);

#endif
