// The table's lookup, for the decoder alone. Threads and memory: see trade_decode.h.

#ifndef TICKLINE_TRADE_INSTRUMENT_H
#define TICKLINE_TRADE_INSTRUMENT_H

#include "trade_decode.h"

// The instrument of that symbol, or NULL. A few ns: one hash and, nearly always, one comparison.
const struct trade_instrument *_Nullable trade_instrument_find(const struct trade_instrument_table *_Nonnull table,
                                                               const uint8_t *_Nonnull symbol, size_t symbol_bytes);

#endif
