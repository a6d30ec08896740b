// SQLite's C interface for Swift. Threads, memory and cost are SQLite's own, see sqlite3.h.

#ifndef TICKLINE_CSQLITE_SHIM_H
#define TICKLINE_CSQLITE_SHIM_H

#include <sqlite3.h>

// SQLITE_TRANSIENT is a function pointer made of -1, which Swift does not import: SQLite copies the text.
static inline int CSQLite_bind_text(sqlite3_stmt *statement, int index, const char *text, int text_bytes) {
    return sqlite3_bind_text(statement, index, text, text_bytes, SQLITE_TRANSIENT);
}

#endif
