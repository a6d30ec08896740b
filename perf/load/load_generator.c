// An open-loop exchange: sends trades at intended times, however slowly the client reads.
//
// usage: load_generator GROUP INTERVAL_US GROUPS SEED LEDGER
//
// Serves one websocket client on a free port of 127.0.0.1. Talks to the driver in lines: it prints "listening PORT",
// "connected", and "done" after the last trade; a line on standard input starts the measured part, a second one (or the
// end of input) ends the program. From "connected" until the start it sends a trade every WARM_UP_INTERVAL_MS.
// The measured part is GROUPS groups of GROUP trades, one group every INTERVAL_US microseconds: GROUP 1 is a constant
// rate, a larger one a burst. A group is formatted before it is due and sent at its intended time, TRADES_A_SEND trades
// to a send call; where the generator is late, later groups keep their intended times.
// LEDGER gets a line per trade: id, price in cents, event time in ms, intended and sent time in ns of CLOCK_MONOTONIC;
// intended is 0 for warm-up trades. The sent time is taken before the send call.

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "market.h"
#include "perf_support.h"
#include "websocket_server.h"

#define MOST_GROUP 10000u
#define MOST_INTERVAL_US 10000000u
#define MOST_TRADES 4000000u
#define MOST_WARM_UP_TRADES 20000u
#define WARM_UP_INTERVAL_MS 5
#define TRADES_A_SEND 64u

struct ledger_line {
    struct market_trade trade;
    uint64_t intended_ns;
    uint64_t sent_ns;
};

static struct market market;
static struct ledger_line *ledger;
static size_t ledger_count;
static int client;

// Formats the next trade into `frames` behind `*bytes` and opens its ledger line.
static void prepare(uint8_t *frames, size_t *bytes, uint64_t event_time_ms, uint64_t intended_ns) {
    struct ledger_line *line = &ledger[ledger_count++];
    *bytes += market_next(&market, event_time_ms, &line->trade, frames + *bytes);
    line->intended_ns = intended_ns;
}

// Waits for a line of the driver, answering pings and, where `warming`, sending trades.
static void wait_for_driver(int warming) {
    struct pollfd waits[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = client, .events = POLLIN}};
    for (;;) {
        int ready = poll(waits, 2, warming ? WARM_UP_INTERVAL_MS : -1);
        if (ready < 0) perf_fail("poll");
        if (ready == 0) {
            if (ledger_count >= MOST_WARM_UP_TRADES) perf_fail("the driver did not start the measured part");
            uint8_t frame[MARKET_FRAME_MOST_BYTES];
            size_t bytes = 0;
            prepare(frame, &bytes, (uint64_t)(perf_realtime_ns() / 1000000), 0);
            ledger[ledger_count - 1].sent_ns = perf_monotonic_ns();
            perf_send_all(client, frame, bytes);
            continue;
        }
        if (waits[0].revents != 0) {
            char line[64];
            if (read(STDIN_FILENO, line, sizeof line) >= 0) return;
            perf_fail("standard input");
        }
        if (waits[1].revents != 0) websocket_server_answer(client);
    }
}

static void sleep_until(uint64_t monotonic_ns) {
    struct timespec until = {.tv_sec = (time_t)(monotonic_ns / 1000000000u),
                             .tv_nsec = (long)(monotonic_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static void send_group(uint64_t group, uint64_t intended_ns, int64_t wall_offset_ns, uint8_t *frames) {
    size_t offsets[MOST_GROUP / TRADES_A_SEND + 2];
    size_t first = ledger_count, bytes = 0, sends = 0;
    uint64_t event_time_ms = (uint64_t)((int64_t)intended_ns + wall_offset_ns) / 1000000u;
    for (uint64_t index = 0; index < group; index++) {
        if (index % TRADES_A_SEND == 0) offsets[sends++] = bytes;
        prepare(frames, &bytes, event_time_ms, intended_ns);
    }
    offsets[sends] = bytes;
    sleep_until(intended_ns);
    for (size_t index = 0; index < sends; index++) {
        uint64_t sent_ns = perf_monotonic_ns();
        for (size_t line = first + index * TRADES_A_SEND;
             line < ledger_count && line < first + (index + 1) * TRADES_A_SEND; line++) {
            ledger[line].sent_ns = sent_ns;
        }
        perf_send_all(client, frames + offsets[index], offsets[index + 1] - offsets[index]);
    }
    websocket_server_answer(client);
}

static void write_ledger(const char *path) {
    FILE *out = fopen(path, "w");
    if (out == NULL) perf_fail(path);
    for (size_t index = 0; index < ledger_count; index++) {
        const struct ledger_line *line = &ledger[index];
        fprintf(out, "%" PRIu64 ",%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", line->trade.id,
                line->trade.price_cents, line->trade.event_time_ms, line->intended_ns, line->sent_ns);
    }
    if (fclose(out) != 0) perf_fail(path);
}

int main(int count, char **arguments) {
    if (count != 6) {
        fputs("usage: load_generator GROUP INTERVAL_US GROUPS SEED LEDGER\n", stderr);
        return 64;
    }
    perf_bound_lifetime();
    uint64_t group = perf_argument(arguments[1], MOST_GROUP);
    uint64_t interval_ns = 1000 * perf_argument(arguments[2], MOST_INTERVAL_US);
    uint64_t groups = perf_argument(arguments[3], MOST_TRADES / group);
    market_init(&market, perf_argument(arguments[4], UINT64_MAX));
    // Zeroed pages are touched now, not while sending.
    size_t ledger_bytes = (MOST_WARM_UP_TRADES + groups * group) * sizeof *ledger;
    ledger = malloc(ledger_bytes);
    uint8_t *frames = malloc(group * MARKET_FRAME_MOST_BYTES);
    if (ledger == NULL || frames == NULL) perf_fail("memory");
    memset(ledger, 0, ledger_bytes);
    // The default slack of 50 us would delay every trade by as much.
    if (prctl(PR_SET_TIMERSLACK, 1) != 0) perf_fail("PR_SET_TIMERSLACK");

    uint16_t port = 0;
    int listener = websocket_server_listen(&port);
    printf("listening %u\n", port);
    fflush(stdout);
    client = websocket_server_accept(listener);
    puts("connected");
    fflush(stdout);
    wait_for_driver(1);
    int64_t wall_offset_ns = perf_realtime_ns() - (int64_t)perf_monotonic_ns();
    uint64_t start_ns = perf_monotonic_ns() + interval_ns;
    for (uint64_t index = 0; index < groups; index++) {
        send_group(group, start_ns + index * interval_ns, wall_offset_ns, frames);
    }
    write_ledger(arguments[5]);
    puts("done");
    fflush(stdout);
    wait_for_driver(0);
    return 0;
}
