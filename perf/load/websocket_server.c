#include "websocket_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "perf_support.h"

#define REQUEST_MOST_BYTES 8192u
#define CONTROL_PAYLOAD_MOST_BYTES 125u // RFC 6455, section 5.5

int websocket_server_listen(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0) {
        perf_fail("listen");
    }
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) perf_fail("getsockname");
    *port = ntohs(address.sin_port);
    return listener;
}

int websocket_server_accept(int listener) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int one = 1;
    if (descriptor < 0 || setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) perf_fail("accept");
    char request[REQUEST_MOST_BYTES + 1];
    size_t count = 0;
    do {
        ssize_t received = recv(descriptor, request + count, REQUEST_MOST_BYTES - count, 0);
        if (received <= 0) perf_fail("no whole upgrade request");
        count += (size_t)received;
        request[count] = 0;
    } while (strstr(request, "\r\n\r\n") == NULL);

    char *key = strcasestr(request, "sec-websocket-key:");
    if (key == NULL) perf_fail("an upgrade request without a key");
    key += strlen("sec-websocket-key:");
    key += strspn(key, " ");
    char salted[REQUEST_MOST_BYTES + 64];
    int bytes =
        snprintf(salted, sizeof salted, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, " \r"), key);
    unsigned char digest[SHA_DIGEST_LENGTH], accept_key[2 * SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)salted, (size_t)bytes, digest);
    EVP_EncodeBlock(accept_key, digest, sizeof digest);
    char response[256];
    bytes = snprintf(response, sizeof response,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n",
                     (const char *)accept_key);
    perf_send_all(descriptor, response, (size_t)bytes);
    return descriptor;
}

// Answers one whole client frame at `frame` where it is a ping, and returns its length; 0 where it is not whole yet.
static size_t answer_frame(int descriptor, const uint8_t *frame, size_t count) {
    const size_t header = 6; // two bytes and the mask every client frame has
    if (count < header) return 0;
    size_t payload = frame[1] & 0x7f;
    if (payload > CONTROL_PAYLOAD_MOST_BYTES || (frame[1] & 0x80) == 0)
        perf_fail("only short masked frames are expected");
    if (count < header + payload) return 0;
    if ((frame[0] & 0x0f) == 0x9) {
        uint8_t pong[2 + CONTROL_PAYLOAD_MOST_BYTES] = {0x8a, (uint8_t)payload};
        for (size_t index = 0; index < payload; index++)
            pong[2 + index] = frame[header + index] ^ frame[2 + index % 4];
        perf_send_all(descriptor, pong, 2 + payload);
    }
    return header + payload;
}

void websocket_server_answer(int descriptor) {
    static uint8_t held[4096];
    static size_t count;
    ssize_t received = recv(descriptor, held + count, sizeof held - count, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received == 0) errno = 0;
    if (received <= 0) perf_fail("the client left");
    count += (size_t)received;
    size_t used = 0;
    for (size_t taken = 1; taken > 0; used += taken)
        taken = answer_frame(descriptor, held + used, count - used);
    count -= used;
    memmove(held, held + used, count);
}
