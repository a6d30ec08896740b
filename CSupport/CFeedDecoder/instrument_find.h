// The instrument table's lookups, for the decoders alone. Threads and memory: see instrument_table.h.

#ifndef TICKLINE_INSTRUMENT_FIND_H
#define TICKLINE_INSTRUMENT_FIND_H

#include "instrument_table.h"

// The instrument of that symbol, or NULL. A few ns: one hash and, nearly always, one comparison.
const struct instrument *_Nullable instrument_find(const struct instrument_table *_Nonnull table,
                                                   const uint8_t *_Nonnull symbol, size_t symbol_bytes);

// The one instrument with a partial book stream; only where there is exactly one.
const struct instrument *_Nonnull instrument_find_partial(const struct instrument_table *_Nonnull table);

#endif
