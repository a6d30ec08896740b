// zlib's file reader (gzopen, gzread, gzdirect, gzerror, gzclose_r): recordings are gzip files.
//
// Threads: a gzFile is used by one thread at a time. Memory: gzopen allocates it, gzclose_r frees it.

#ifndef TICKLINE_CZLIB_SHIM_H
#define TICKLINE_CZLIB_SHIM_H

#include <zlib.h>

#endif
