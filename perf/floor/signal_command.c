#include "signal_command.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_MOST_BYTES 64u
// Sums are at scale 8 and averages have 10 places: sum * 10^2 / period.
#define AVERAGE_FACTOR 100

static char stream_key[NAME_MOST_BYTES + 1], exchange[NAME_MOST_BYTES + 1], symbol[NAME_MOST_BYTES + 1];
static char strategy[NAME_MOST_BYTES + 1];

bool signal_command_prepare(const char *stream, const char *instrument, const struct sma_crossover *sma) {
    const char *colon = strchr(instrument, ':');
    if (colon == NULL || strlen(instrument) > NAME_MOST_BYTES || strlen(stream) > NAME_MOST_BYTES) return false;
    memcpy(exchange, instrument, (size_t)(colon - instrument));
    strcpy(symbol, colon + 1);
    strcpy(stream_key, stream);
    snprintf(strategy, sizeof strategy, "sma-%u-%u", (unsigned)sma->short_period, (unsigned)sma->long_period);
    return true;
}

// Appends a bulk string. Lengths here stay below 1,000 and the whole below SIGNAL_COMMAND_MOST_BYTES: 14 field names of
// together 103 bytes, six names of at most 64, numbers of at most 24, 31 headers of at most 8.
static char *append(char *to, const char *text, size_t bytes) {
    *to++ = '$';
    if (bytes >= 100) *to++ = (char)('0' + bytes / 100);
    if (bytes >= 10) *to++ = (char)('0' + bytes / 10 % 10);
    *to++ = (char)('0' + bytes % 10);
    memcpy(to, "\r\n", 2);
    memcpy(to + 2, text, bytes);
    memcpy(to + 2 + bytes, "\r\n", 2);
    return to + bytes + 4;
}

#define APPEND_LITERAL(to, text) append((to), (text), sizeof(text) - 1)

// Writes `value` in decimal, padded with zeros to `digits`, and returns its length.
static size_t decimal(char *to, uint64_t value, size_t digits) {
    char reversed[24];
    size_t count = 0;
    while (value > 0 || count < digits) {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    }
    for (size_t index = 0; index < count; index++)
        to[index] = reversed[count - 1 - index];
    return count;
}

// Writes value / 10^places without trailing zeros.
static size_t fixed_point(char *to, uint64_t value, size_t places) {
    while (places > 0 && value % 10 == 0) {
        value /= 10;
        places--;
    }
    uint64_t power = 1;
    for (size_t index = 0; index < places; index++)
        power *= 10;
    size_t count = decimal(to, value / power, 1);
    if (places == 0) return count;
    to[count] = '.';
    return count + 1 + decimal(to + count + 1, value % power, places);
}

// Writes sum / period rounded half to even at 10 places.
static size_t average(char *to, int64_t sum, uint64_t period) {
    uint64_t scaled = (uint64_t)sum * AVERAGE_FACTOR;
    uint64_t quotient = scaled / period, twice = scaled % period * 2;
    if (twice > period || (twice == period && quotient % 2 == 1)) quotient++;
    return fixed_point(to, quotient, 10);
}

// Writes an RFC 3339 time with milliseconds; the second's part is kept from call to call.
static size_t rfc3339(char *to, uint64_t ms) {
    static char second_text[32];
    static uint64_t second = UINT64_MAX;
    if (ms / 1000 != second) {
        second = ms / 1000;
        time_t seconds = (time_t)second;
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(second_text, sizeof second_text, "%Y-%m-%dT%H:%M:%S.", &utc);
    }
    size_t count = strlen(second_text);
    memcpy(to, second_text, count);
    count += decimal(to + count, ms % 1000, 3);
    to[count] = 'Z';
    return count + 1;
}

size_t signal_command_format(char command[SIGNAL_COMMAND_MOST_BYTES], const struct trade *trade,
                             const struct sma_crossover *sma, int side) {
    char text[4 * NAME_MOST_BYTES], digits[24];
    size_t digits_bytes = decimal(digits, trade->id, 1);
    char *to = command;
    memcpy(to, "*31\r\n", 5);
    to = APPEND_LITERAL(to + 5, "XADD");
    to = append(to, stream_key, strlen(stream_key));
    to = APPEND_LITERAL(to, "*");
    to = APPEND_LITERAL(to, "signal");
    to = side > 0 ? APPEND_LITERAL(to, "BUY") : APPEND_LITERAL(to, "SELL");
    to = APPEND_LITERAL(to, "shortSMA");
    to = append(to, text, average(text, sma->short_sum, sma->short_period));
    to = APPEND_LITERAL(to, "longSMA");
    to = append(to, text, average(text, sma->long_sum, sma->long_period));
    to = APPEND_LITERAL(to, "time");
    to = append(to, text, rfc3339(text, trade->event_time_ms));
    to = APPEND_LITERAL(to, "schema");
    to = APPEND_LITERAL(to, "1");
    to = APPEND_LITERAL(to, "id");
    char *end = stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(text, exchange), ":"), symbol), ":"), strategy), ":");
    memcpy(end, digits, digits_bytes);
    to = append(to, text, (size_t)(end - text) + digits_bytes);
    to = APPEND_LITERAL(to, "exchange");
    to = append(to, exchange, strlen(exchange));
    to = APPEND_LITERAL(to, "symbol");
    to = append(to, symbol, strlen(symbol));
    to = APPEND_LITERAL(to, "strategy");
    to = append(to, strategy, strlen(strategy));
    to = APPEND_LITERAL(to, "price");
    to = append(to, text, fixed_point(text, (uint64_t)trade->price, 8));
    to = APPEND_LITERAL(to, "tickId");
    to = append(to, digits, digits_bytes);
    to = APPEND_LITERAL(to, "eventTime");
    to = append(to, text, decimal(text, trade->event_time_ms * 1000000u, 1));
    to = APPEND_LITERAL(to, "receiveTime");
    to = append(to, text, decimal(text, (uint64_t)trade->receive_time_ns, 1));
    to = APPEND_LITERAL(to, "reason");
    to = APPEND_LITERAL(to, "cross");
    return (size_t)(to - command);
}
