// Decimal text to integers, exactly or not at all. Linear in the text, no allocation; any thread.

#ifndef TICKLINE_DECIMAL_TEXT_H
#define TICKLINE_DECIMAL_TEXT_H

#include "decode_result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads JSON's number grammar without sign and exponent as an integer at `decimals` (0 to INSTRUMENT_DECIMALS_MAX)
// places. Returns DECODE_TICK, or the reason for which the text can't be represented; the first one met counts.
__attribute__((warn_unused_result)) enum decode_result
decimal_text_scaled(const uint8_t *_Nonnull text, size_t text_bytes, uint8_t decimals, int64_t *_Nonnull scaled);

// The same, and `*digits`: how many follow the point. Value and digits give the text back. More than 255 are too
// precise.
__attribute__((warn_unused_result)) enum decode_result decimal_text_exact(const uint8_t *_Nonnull text,
                                                                          size_t text_bytes, uint8_t decimals,
                                                                          int64_t *_Nonnull scaled,
                                                                          uint8_t *_Nonnull digits);

// Reads plain digits as an integer from 0 to 2^63-1; false for anything else.
__attribute__((warn_unused_result)) bool decimal_text_integer(const uint8_t *_Nonnull text, size_t text_bytes,
                                                              int64_t *_Nonnull value);

#endif
