// The one websocket connection the load generator serves: handshake, and answers to the client's control frames.
//
// One thread. Errors end the program.

#ifndef TICKLINE_PERF_WEBSOCKET_SERVER_H
#define TICKLINE_PERF_WEBSOCKET_SERVER_H

#include <stdint.h>

// Listens on a free port of 127.0.0.1, stores it in `*port` and returns the descriptor.
int websocket_server_listen(uint16_t *_Nonnull port);

// Waits for one client, upgrades it whatever path it asks for, and returns its descriptor (blocking, TCP_NODELAY).
int websocket_server_accept(int listener);

// Reads what the client sent, without waiting, and answers pings. A client that left ends the program.
void websocket_server_answer(int descriptor);

#endif
