// The floor: the least a one-thread client has to do between a trade and its signal in Redis.
//
// usage: floor_client HOST PORT PATH REDIS_HOST REDIS_PORT STREAM SHORT LONG EXCHANGE:SYMBOL SUMMARY_FILE
//
// One thread blocks in recv on the feed, scans the frames for three keys, updates an exact integer crossover and, at a
// signal, formats and sends the product's XADD command on a blocking socket. Left out, and so not paid for: UTF-8 and
// accept-key checks, fragments, id continuity, several instruments, reconnects, resends, a journal, any store.
// On SIGTERM it writes its histograms as JSON: tick_to_decision (recv's return to the decision, every trade),
// tick_to_signal (recv's return to send's return) and send (the send call alone), in nanoseconds.

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "latency_histogram.h"
#include "perf_support.h"
#include "signal_command.h"
#include "sma_crossover.h"

#define FEED_BUFFER_BYTES (1u << 20)

static struct latency_histogram tick_to_decision, tick_to_signal, send_call;
static struct sma_crossover sma;
static uint8_t feed[FEED_BUFFER_BYTES];
static volatile sig_atomic_t stopping;
static int feed_descriptor;
static int redis_descriptor;

static void stop(int number) {
    (void)number;
    stopping = 1;
    // Wakes a recv that is about to block as well, which the interruption alone would not.
    (void)shutdown(feed_descriptor, SHUT_RDWR);
}

static void shake_hands(const char *host, const char *port, const char *path) {
    char text[1024];
    int bytes = snprintf(text, sizeof text,
                         "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: Zmxvb3ItY2xpZW50LWtleQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                         path, host, port);
    if (bytes < 0 || (size_t)bytes >= sizeof text) perf_fail("the path is too long");
    perf_send_all(feed_descriptor, text, (size_t)bytes);
    // Byte by byte, so that nothing after the headers is taken.
    size_t count = 0;
    while (count < 4 || memcmp(text + count - 4, "\r\n\r\n", 4) != 0) {
        if (count + 1 >= sizeof text || recv(feed_descriptor, text + count, 1, 0) != 1) perf_fail("no handshake");
        count++;
    }
    if (memcmp(text, "HTTP/1.1 101", 12) != 0) perf_fail("the feed refused the upgrade");
}

// The digits after `key` in text that ends at `end`, a dot skipped; moves `*text` behind them.
static uint64_t number_after(const char **text, const char *end, const char *key, size_t key_bytes) {
    const char *found = memmem(*text, (size_t)(end - *text), key, key_bytes);
    if (found == NULL) perf_fail("a trade without t, p or T");
    uint64_t value = 0;
    const char *next = found + key_bytes;
    for (; next < end && ((*next >= '0' && *next <= '9') || *next == '.'); next++) {
        if (*next != '.') value = value * 10 + (uint64_t)(*next - '0');
    }
    *text = next;
    return value;
}

static void publish(const struct trade *trade, int side, uint64_t received_ns) {
    char command[SIGNAL_COMMAND_MOST_BYTES];
    size_t bytes = signal_command_format(command, trade, &sma, side);
    uint64_t started_ns = perf_monotonic_ns();
    perf_send_all(redis_descriptor, command, bytes);
    uint64_t sent_ns = perf_monotonic_ns();
    latency_histogram_record(&send_call, sent_ns - started_ns);
    latency_histogram_record(&tick_to_signal, sent_ns - received_ns);
    // Replies are only drained; the harness reads the stream itself.
    char replies[4096];
    if (recv(redis_descriptor, replies, sizeof replies, MSG_DONTWAIT) > 0 && replies[0] == '-') {
        errno = 0;
        perf_fail("Redis refused a signal");
    }
}

static void take_trade(const char *text, const char *end, uint64_t received_ns, int64_t received_wall_ns) {
    struct trade trade = {.receive_time_ns = received_wall_ns};
    trade.id = number_after(&text, end, "\"t\":", 4);
    trade.price = (int64_t)number_after(&text, end, "\"p\":\"", 5);
    trade.event_time_ms = number_after(&text, end, "\"T\":", 4);
    int side = sma_crossover_update(&sma, trade.price);
    latency_histogram_record(&tick_to_decision, perf_monotonic_ns() - received_ns);
    if (side != 0) publish(&trade, side, received_ns);
}

// Takes the whole frames in feed[0..count] and returns the bytes they used.
static size_t take_frames(size_t count, uint64_t received_ns, int64_t received_wall_ns) {
    size_t used = 0;
    while (count - used >= 4) {
        const uint8_t *frame = feed + used;
        size_t header = 2, payload = frame[1];
        if (payload == 126) {
            header = 4;
            payload = (size_t)frame[2] << 8 | frame[3];
        } else if (payload > 126) {
            perf_fail("a masked or huge frame");
        }
        if (count - used < header + payload) break;
        const char *text = (const char *)frame + header;
        if (frame[0] == 0x81) take_trade(text, text + payload, received_ns, received_wall_ns);
        used += header + payload;
    }
    return used;
}

static void write_summary(const char *path) {
    FILE *out = fopen(path, "w");
    if (out == NULL) perf_fail(path);
    fputs("{\"stages\":{\"tick_to_decision\":", out);
    latency_histogram_write_json(&tick_to_decision, out);
    fputs(",\"tick_to_signal\":", out);
    latency_histogram_write_json(&tick_to_signal, out);
    fputs(",\"send\":", out);
    latency_histogram_write_json(&send_call, out);
    fputs("}}\n", out);
    if (fclose(out) != 0) perf_fail(path);
}

int main(int count, char **arguments) {
    if (count != 11) {
        fputs(
            "usage: floor_client HOST PORT PATH REDIS_HOST REDIS_PORT STREAM SHORT LONG EXCHANGE:SYMBOL SUMMARY_FILE\n",
            stderr);
        return 64;
    }
    perf_bound_lifetime();
    sma.long_period = perf_argument(arguments[8], SMA_CROSSOVER_LONGEST);
    sma.short_period = perf_argument(arguments[7], sma.long_period - 1);
    if (!signal_command_prepare(arguments[6], arguments[9], &sma)) perf_fail("names too long, or not EXCHANGE:SYMBOL");
    redis_descriptor = perf_connect(arguments[4], arguments[5]);
    feed_descriptor = perf_connect(arguments[1], arguments[2]);
    shake_hands(arguments[1], arguments[2], arguments[3]);
    perf_on_termination(stop);

    size_t held = 0;
    while (!stopping) {
        ssize_t received = recv(feed_descriptor, feed + held, sizeof feed - held, 0);
        uint64_t received_ns = perf_monotonic_ns();
        int64_t received_wall_ns = perf_realtime_ns();
        if (received <= 0) {
            if (stopping) break;
            if (received == 0) errno = 0;
            perf_fail("the feed ended");
        }
        size_t filled = held + (size_t)received;
        size_t used = take_frames(filled, received_ns, received_wall_ns);
        held = filled - used;
        memmove(feed, feed + used, held);
    }
    write_summary(arguments[10]);
    return 0;
}
