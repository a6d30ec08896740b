// A seeded synthetic BTCUSDT trade stream, in frames as a raw `/ws/btcusdt@trade` connection carries them.
//
// One thread. The caller owns the memory; nothing allocates or blocks. The price is a random walk pulled back to its
// start by a quarter of its distance each trade, which makes a 5/20 average cross about every ninth trade, so that a
// run of minutes has enough signals for p99.9.

#ifndef TICKLINE_PERF_MARKET_H
#define TICKLINE_PERF_MARKET_H

#include <stddef.h>
#include <stdint.h>

// Header of 4 bytes and a message of at most 160.
#define MARKET_FRAME_MOST_BYTES 192u

struct market {
    uint64_t random;   // xorshift64 state, never 0
    int64_t offset;    // the price's distance from its start, in cents
    uint64_t trade_id; // the id of the last trade
};

struct market_trade {
    uint64_t id;
    int64_t price_cents;
    uint64_t event_time_ms;
};

// Starts the stream a seed (not 0) defines.
void market_init(struct market *_Nonnull market, uint64_t seed);

// Makes the next trade at `event_time_ms`, writes its frame and returns the frame's length.
size_t market_next(struct market *_Nonnull market, uint64_t event_time_ms, struct market_trade *_Nonnull trade,
                   uint8_t frame[_Nonnull MARKET_FRAME_MOST_BYTES]);

#endif
