// The consumer's sight: one reader blocked on the stream notes when each entry reached it.
//
// usage: stream_sight REDIS_PORT STREAM OUT
//
// XREAD BLOCK from the stream's beginning on its own connection to 127.0.0.1. The time of an entry is the return of the
// recv call that completed its reply. OUT gets a line per entry: time in ns of CLOCK_MONOTONIC, then name=value pairs
// in the entry's order, separated by tabs. On SIGTERM it reads what is left and exits 0.

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "perf_support.h"

#define BLOCK_MS 200
#define ENTRIES_A_READ 1000
// Lines stay in memory until the end of the round; more than this is written in between.
#define OUT_BUFFER_BYTES (64u << 20)

static volatile sig_atomic_t stopping;
static uint64_t received_ns;

static void stop(int number) {
    (void)number;
    stopping = 1;
}

static redisReply *next_reply(int descriptor, redisReader *reader) {
    void *reply = NULL;
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply == NULL) {
        char bytes[65536];
        ssize_t count = recv(descriptor, bytes, sizeof bytes, 0);
        received_ns = perf_monotonic_ns();
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0 || redisReaderFeed(reader, bytes, (size_t)count) != REDIS_OK) perf_fail("Redis left");
    }
    if (reply == NULL) perf_fail("a reply that is not RESP");
    return reply;
}

static void write_entry(const redisReply *entry, FILE *out) {
    const redisReply *fields = entry->element[1];
    fprintf(out, "%" PRIu64, received_ns);
    for (size_t index = 0; index + 1 < fields->elements; index += 2) {
        fprintf(out, "\t%s=%s", fields->element[index]->str, fields->element[index + 1]->str);
    }
    fputc('\n', out);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("usage: stream_sight REDIS_PORT STREAM OUT\n", stderr);
        return 64;
    }
    perf_bound_lifetime();
    perf_on_termination(stop);
    int descriptor = perf_connect("127.0.0.1", arguments[1]);
    redisReader *reader = redisReaderCreate();
    FILE *out = fopen(arguments[3], "w");
    if (reader == NULL || out == NULL || setvbuf(out, NULL, _IOFBF, OUT_BUFFER_BYTES) != 0) perf_fail(arguments[3]);

    char last_id[64] = "0";
    for (;;) {
        // Read before the command goes out, so that what was added before the signal is still read.
        int last_round = stopping;
        char *command = NULL;
        int bytes = redisFormatCommand(&command, "XREAD COUNT %d BLOCK %d STREAMS %s %s", ENTRIES_A_READ, BLOCK_MS,
                                       arguments[2], last_id);
        if (bytes < 0) perf_fail("memory");
        perf_send_all(descriptor, command, (size_t)bytes);
        redisFreeCommand(command);
        redisReply *reply = next_reply(descriptor, reader);
        if (reply->type == REDIS_REPLY_ERROR) {
            errno = 0;
            perf_fail(reply->str);
        }
        if (reply->type == REDIS_REPLY_ARRAY) {
            const redisReply *entries = reply->element[0]->element[1];
            for (size_t index = 0; index < entries->elements; index++)
                write_entry(entries->element[index], out);
            snprintf(last_id, sizeof last_id, "%s", entries->element[entries->elements - 1]->element[0]->str);
        }
        int empty = reply->type == REDIS_REPLY_NIL;
        freeReplyObject(reply);
        if (last_round && empty) break;
    }
    if (fclose(out) != 0) perf_fail(arguments[3]);
    redisReaderFree(reader);
    return 0;
}
