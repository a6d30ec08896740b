// What a message turned out to be: one list for all decoders of this target, with the rules they share.
//
// Rules:
// - Messages are JSON text (RFC 8259), raw or in the combined envelope {"stream":..,"data":{..}}. Keys may come in any
//   order; unknown ones are skipped, their values checked for grammar and nesting (DECODE_NESTING_MAX). Bytes behind
//   the object, other than white space, make the message malformed. That strings are UTF-8 is checked before
//   (utf8_check.h).
// - A one-letter key, "stream", "data" or another key that is used, when it comes twice in its object, is refused: JSON
//   leaves open which one counts.
// - Escapes in a payload's keys, or in a string that is used, are refused and never guessed at.
// - Prices and quantities are strings in JSON's number grammar without sign or exponent; they become integers at the
//   instrument's scale, exactly or not at all. Zeros beyond the scale are no loss.
// - Ids are JSON integers from 0 to 2^63-1.
// - Times are milliseconds, or microseconds from 10^14 on (1973 in microseconds, the year 5138 in milliseconds).
// - A message is refused as a whole, for the first reason met; nothing of it is used.

#ifndef TICKLINE_DECODE_RESULT_H
#define TICKLINE_DECODE_RESULT_H

// Containers inside each other in a skipped value; Binance's own messages need 4.
#define DECODE_NESTING_MAX 16

// Raw values of the Swift type `DecodeOutcome`.
enum decode_result {
    DECODE_TICK = 0,      // a trade, aggregate trade or quote
    DECODE_DEPTH,         // a change of a book
    DECODE_PARTIAL_DEPTH, // the top of a book
    DECODE_KLINE,
    // Understood, but no record.
    DECODE_SERVER_SHUTDOWN, // the exchange asks for a new connection
    DECODE_REPLY,           // {"result":..,"id":..}
    DECODE_ERROR_REPLY,     // {"code":..,"msg":..} or {"error":{..},"id":..}
    DECODE_OTHER_EVENT,     // any other "e", or an array of events
    // Refused, by reason.
    DECODE_MALFORMED, // not JSON, or cut
    DECODE_NESTED_TOO_DEEP,
    DECODE_UNRECOGNISED, // a JSON object that is no message of the exchange
    DECODE_DUPLICATE_KEY,
    DECODE_ESCAPED, // an escape where a key or value is used
    DECODE_MISSING_FIELD,
    DECODE_WRONG_TYPE, // a field is of another JSON type, or a level no pair of strings
    DECODE_UNKNOWN_SYMBOL,
    DECODE_UNKNOWN_STREAM,   // a book without symbol, and nothing else tells whose
    DECODE_AMBIGUOUS_STREAM, // more than one subscribed stream could have sent it
    DECODE_UNKNOWN_INTERVAL, // a kline of a length that the exchange does not name
    DECODE_BAD_ID,           // not an integer from 0 to 2^63-1, or a range that ends before it begins
    DECODE_BAD_TIME,         // not an integer, or beyond 2262
    DECODE_NOT_A_NUMBER,
    DECODE_EXPONENT,
    DECODE_NEGATIVE,
    DECODE_ZERO,
    DECODE_TOO_PRECISE,     // a non-zero digit beyond the instrument's scale, or digits beyond count
    DECODE_TOO_LARGE,       // beyond 64 bits at the instrument's scale
    DECODE_TOO_MANY_LEVELS, // a book of more slots than the caller has
    DECODE_RESULT_COUNT,
};

#endif
