// hiredis as Tickline uses it: the reply parser alone (redisReader). Sockets are ours, because one descriptor is shared
// between the engine's thread, which writes, and the publisher's, which reads; a redisContext allows one thread only.
//
// Threads: a reader belongs to one thread. Ownership: replies handed out by redisReaderGetReply are the caller's and go
// back through freeReplyObject.

#ifndef TICKLINE_CHIREDIS_SHIM_H
#define TICKLINE_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
// Swift's Glibc module leaves eventfd out; the publisher's thread waits on one beside its socket.
#include <sys/eventfd.h>

#endif
