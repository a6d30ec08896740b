#include "perf_support.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void perf_fail(const char *what) {
    if (errno != 0) {
        fprintf(stderr, "%s: %s: %m\n", program_invocation_short_name, what);
    } else {
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    }
    exit(1);
}

void perf_bound_lifetime(void) {
    alarm(PERF_LIFETIME_SECONDS);
}

void perf_on_termination(void (*handler)(int)) {
    // No SA_RESTART: a blocked recv must return.
    struct sigaction action = {.sa_handler = handler};
    if (sigaction(SIGTERM, &action, NULL) != 0) perf_fail("sigaction");
}

uint64_t perf_argument(const char *text, uint64_t most) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || value < 1 || value > most) {
        errno = 0;
        fprintf(stderr, "argument \"%s\" must be a number from 1 to %llu; ", text, (unsigned long long)most);
        perf_fail("wrong usage");
    }
    return value;
}

int perf_connect(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) perf_fail("not a numeric address and port");
    int descriptor = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) perf_fail("connect");
    freeaddrinfo(found);
    int one = 1;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) perf_fail("TCP_NODELAY");
    return descriptor;
}

void perf_send_all(int descriptor, const void *data, size_t bytes) {
    const uint8_t *next = data;
    while (bytes > 0) {
        ssize_t sent = send(descriptor, next, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) perf_fail("send");
        next += sent;
        bytes -= (size_t)sent;
    }
}
