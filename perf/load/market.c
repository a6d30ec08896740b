#include "market.h"

#include <inttypes.h>
#include <stdio.h>

#define FIRST_TRADE_ID 3735683259u
#define START_CENTS 6183763
#define STEP_CENTS 100 // a trade moves the price by up to a dollar either way

static uint64_t next_random(struct market *market) {
    // xorshift64, Marsaglia 2003.
    market->random ^= market->random << 13;
    market->random ^= market->random >> 7;
    market->random ^= market->random << 17;
    return market->random;
}

void market_init(struct market *market, uint64_t seed) {
    *market = (struct market){.random = seed, .trade_id = FIRST_TRADE_ID - 1};
    // The first values of neighbouring seeds are alike.
    for (int index = 0; index < 64; index++)
        (void)next_random(market);
}

size_t market_next(struct market *market, uint64_t event_time_ms, struct market_trade *trade,
                   uint8_t frame[MARKET_FRAME_MOST_BYTES]) {
    int64_t step = (int64_t)(next_random(market) % (2 * STEP_CENTS + 1)) - STEP_CENTS;
    market->offset += step - market->offset / 4;
    uint64_t quantity = 1 + next_random(market) % 200000;
    *trade = (struct market_trade){
        .id = ++market->trade_id, .price_cents = START_CENTS + market->offset, .event_time_ms = event_time_ms};
    int bytes =
        snprintf((char *)frame + 4, MARKET_FRAME_MOST_BYTES - 4,
                 "{\"e\":\"trade\",\"E\":%" PRIu64 ",\"s\":\"BTCUSDT\",\"t\":%" PRIu64 ",\"p\":\"%" PRId64 ".%02" PRId64
                 "000000\",\"q\":\"%" PRIu64 ".%05" PRIu64 "000\",\"T\":%" PRIu64 ",\"m\":%s,\"M\":true}",
                 event_time_ms, trade->id, trade->price_cents / 100, trade->price_cents % 100, quantity / 100000,
                 quantity % 100000, event_time_ms, step < 0 ? "true" : "false");
    // 127 to 160 bytes, so always the 16-bit length form (RFC 6455, section 5.2), unmasked from a server.
    frame[0] = 0x81;
    frame[1] = 126;
    frame[2] = (uint8_t)(bytes >> 8);
    frame[3] = (uint8_t)bytes;
    return 4 + (size_t)bytes;
}
