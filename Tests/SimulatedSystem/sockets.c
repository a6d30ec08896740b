// The network of simulated threads: a connection is a pair of local sockets, of which the world holds one.
#include "scheduler.h"
#include "simulated_system.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

enum { MOST_PORTS = 16, MOST_CONNECTIONS = 64 };

static struct {
    uint16_t port;
    bool is_open;
} ports[MOST_PORTS];
static int port_count;

// The process' ends of its connections.
static struct {
    int descriptor;
    uint16_t port;
} connections[MOST_CONNECTIONS];
static int connection_count;

static struct {
    int descriptor;
    uint16_t port;
} waiting[MOST_CONNECTIONS];
static int waiting_count;

void sim_listen(uint16_t port, bool open) {
    for (int i = 0; i < port_count; i++)
        if (ports[i].port == port) {
            ports[i].is_open = open;
            return;
        }
    ports[port_count].port = port;
    ports[port_count++].is_open = open;
}

bool sim_has_connection(void) {
    return waiting_count > 0;
}

int sim_accept(uint16_t *port) {
    if (waiting_count == 0) return -1;
    int descriptor = waiting[0].descriptor;
    *port = waiting[0].port;
    memmove(waiting, waiting + 1, (size_t)--waiting_count * sizeof waiting[0]);
    return descriptor;
}

static int find(int descriptor) {
    for (int i = 0; i < connection_count; i++)
        if (connections[i].descriptor == descriptor) return i;
    return -1;
}

static bool is_listening(uint16_t port) {
    for (int i = 0; i < port_count; i++)
        if (ports[i].port == port) return ports[i].is_open;
    return false;
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    REAL(connect);
    if (!sim_self || address->sa_family != AF_INET) return real(descriptor, address, length);
    sim_call("connect");
    uint16_t port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    int ends[2];
    if (!is_listening(port) || connection_count == MOST_CONNECTIONS || waiting_count == MOST_CONNECTIONS) {
        errno = ECONNREFUSED;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    // Sometimes a connection takes little at once.
    int bytes = sim_random() % 4 == 0 ? 4096 : 65536;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (dup3(ends[0], descriptor, O_CLOEXEC) < 0) return -1;
    close(ends[0]);
    connections[connection_count].descriptor = descriptor;
    connections[connection_count++].port = port;
    waiting[waiting_count].descriptor = ends[1];
    waiting[waiting_count++].port = port;
    return 0;
}

static void forget(int index) {
    connections[index] = connections[--connection_count];
}

void sim_close_connections(void) {
    REAL(close);
    while (connection_count > 0) {
        real(connections[0].descriptor);
        forget(0);
    }
}

int close(int descriptor) {
    REAL(close);
    int index = sim_self ? find(descriptor) : -1;
    if (index >= 0) forget(index);
    return real(descriptor);
}

static int name(int index, struct sockaddr *address, socklen_t *length) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(connections[index].port)};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(address, &own, *length < sizeof own ? *length : sizeof own);
    *length = sizeof own;
    return 0;
}

int getpeername(int descriptor, struct sockaddr *address, socklen_t *length) {
    REAL(getpeername);
    int index = sim_self ? find(descriptor) : -1;
    return index >= 0 ? name(index, address, length) : real(descriptor, address, length);
}

int getsockname(int descriptor, struct sockaddr *address, socklen_t *length) {
    REAL(getsockname);
    int index = sim_self ? find(descriptor) : -1;
    return index >= 0 ? name(index, address, length) : real(descriptor, address, length);
}

int setsockopt(int descriptor, int level, int option, const void *value, socklen_t length) {
    REAL(setsockopt);
    if (sim_self && level == IPPROTO_TCP && find(descriptor) >= 0) return 0;
    return real(descriptor, level, option, value, length);
}

ssize_t send(int descriptor, const void *bytes, size_t count, int flags) {
    REAL(send);
    ssize_t sent = real(descriptor, bytes, count, flags);
    int code = errno;
    if (sim_self) sim_call("send");
    errno = code;
    return sent;
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    ssize_t sent = real(descriptor, message, flags);
    int code = errno;
    if (sim_self) sim_call("sendmsg");
    errno = code;
    return sent;
}

ssize_t recv(int descriptor, void *bytes, size_t count, int flags) {
    REAL(recv);
    if (sim_self) sim_call("recv");
    return real(descriptor, bytes, count, flags);
}

int eventfd_write(int descriptor, eventfd_t value) {
    REAL(eventfd_write);
    int result = real(descriptor, value);
    if (sim_self) sim_call("eventfd");
    return result;
}

// MARK: poll

static int poll_as_simulated(struct pollfd *entries, nfds_t count, int timeout_ms,
                             int (*real)(struct pollfd *, nfds_t, int)) {
    sim_call("poll");
    int ready = real(entries, count, 0);
    if (ready != 0 || timeout_ms == 0) return ready;
    sim_self->wait = SIM_POLLS;
    sim_self->entries = entries;
    sim_self->entry_count = count;
    sim_self->deadline_ns = timeout_ms < 0 ? UINT64_MAX : sim_now_ns() + (uint64_t)timeout_ms * 1000000;
    sim_give_way();
    return real(entries, count, 0);
}

int poll(struct pollfd *entries, nfds_t count, int timeout_ms) {
    REAL(poll);
    return sim_self ? poll_as_simulated(entries, count, timeout_ms, real) : real(entries, count, timeout_ms);
}

void sim_wait(const int *descriptors, const bool *writable, int count, uint64_t deadline_ns) {
    REAL(poll);
    struct pollfd entries[2 * MOST_CONNECTIONS];
    if (count > 2 * MOST_CONNECTIONS) count = 2 * MOST_CONNECTIONS;
    for (int i = 0; i < count; i++)
        entries[i] = (struct pollfd){.fd = descriptors[i], .events = writable[i] ? POLLIN | POLLOUT : POLLIN};
    sim_self->wait = SIM_POLLS;
    sim_self->entries = entries;
    sim_self->entry_count = (nfds_t)count;
    sim_self->deadline_ns = deadline_ns;
    sim_give_way();
}
