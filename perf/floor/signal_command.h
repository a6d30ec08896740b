// The product's publish command, XADD with the fourteen fields of a signal entry in their order, for the floor client.
//
// One thread. Names are prepared once; a format call neither allocates nor blocks. Prices are at scale 8.

#ifndef TICKLINE_PERF_SIGNAL_COMMAND_H
#define TICKLINE_PERF_SIGNAL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sma_crossover.h"

#define SIGNAL_COMMAND_MOST_BYTES 2048u

struct trade {
    uint64_t id;
    int64_t price;          // at scale 8
    uint64_t event_time_ms; // since 1970
    int64_t receive_time_ns;
};

// Keeps the names; false where one exceeds 64 bytes or `instrument` is not EXCHANGE:SYMBOL.
bool signal_command_prepare(const char *_Nonnull stream, const char *_Nonnull instrument,
                            const struct sma_crossover *_Nonnull sma);

// Writes the command of a crossing to `side` (1 BUY, -1 SELL) at `trade` and returns its length.
size_t signal_command_format(char command[_Nonnull SIGNAL_COMMAND_MOST_BYTES], const struct trade *_Nonnull trade,
                             const struct sma_crossover *_Nonnull sma, int side);

#endif
