// zlib's inflate (inflateInit2_, inflate, inflateReset, inflateEnd): recordings are gzip files.
//
// Threads: a z_stream is used by one thread at a time, and must stay where it is. Memory: inflateInit2_ allocates what
// it points to, inflateEnd frees it.

#ifndef TICKLINE_CZLIB_SHIM_H
#define TICKLINE_CZLIB_SHIM_H

#include <zlib.h>

#endif
