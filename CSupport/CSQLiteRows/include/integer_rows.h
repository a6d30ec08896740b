// The caller's array of integers as a table that one SQLite connection can select from.
//
// Setting each parameter of a prepared INSERT and stepping it once a row costs SQLite a third more instructions than
// one `INSERT … SELECT … FROM <name>` over all rows, in which it fetches each column by itself; so this virtual table.
//
// Threads: those of the connection, one at a time. Memory: the array and the struct that points to it are the caller's;
// the struct must outlive the connection, the array only each statement that reads it. Nothing blocks. A scan is
// O(rows), a column O(1); nothing is allocated for a row.

#ifndef TICKLINE_INTEGER_ROWS_H
#define TICKLINE_INTEGER_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct sqlite3;

// Columns of the table, named c0 to c9.
#define INTEGER_ROWS_COLUMNS 10

// What a scan reads: `count` rows of INTEGER_ROWS_COLUMNS values each, in this order. `values` may be NULL where
// `count` is 0.
struct integer_rows {
    const int64_t *_Nullable values;
    size_t count;
};

// Makes the table `name` known to `database`, this connection alone; nothing of it is in the file. Returns a result
// code of SQLite.
__attribute__((warn_unused_result)) int
integer_rows_register(struct sqlite3 *_Nonnull database, const char *_Nonnull name, struct integer_rows *_Nonnull rows);

#endif
