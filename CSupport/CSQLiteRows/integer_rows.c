#include "integer_rows.h"

#include <sqlite3.h>
#include <string.h>

// SQLite's base comes first in both, as its interface asks: it hands out pointers to the base.
struct table {
    sqlite3_vtab base;
    const struct integer_rows *rows;
};

struct cursor {
    sqlite3_vtab_cursor base;
    const struct integer_rows *rows;
    size_t row;
};

static int connect(sqlite3 *database, void *context, int argument_count, const char *const *arguments,
                   sqlite3_vtab **result, char **message) {
    (void)argument_count, (void)arguments, (void)message;
    int code = sqlite3_declare_vtab(database, "CREATE TABLE x(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9)");
    if (code != SQLITE_OK) return code;
    struct table *table = sqlite3_malloc64(sizeof *table);
    if (table == NULL) return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    table->rows = context;
    *result = &table->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

// There is one plan: all rows in their order.
static int best_index(sqlite3_vtab *table, sqlite3_index_info *index) {
    index->estimatedRows = (sqlite3_int64)((struct table *)table)->rows->count;
    index->estimatedCost = (double)index->estimatedRows;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **result) {
    struct cursor *cursor = sqlite3_malloc64(sizeof *cursor);
    if (cursor == NULL) return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    cursor->rows = ((struct table *)table)->rows;
    *result = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor) {
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argument_count,
                  sqlite3_value **arguments) {
    (void)plan, (void)plan_text, (void)argument_count, (void)arguments;
    ((struct cursor *)cursor)->row = 0;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *cursor) {
    ((struct cursor *)cursor)->row += 1;
    return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *base) {
    const struct cursor *cursor = (const struct cursor *)base;
    return cursor->row >= cursor->rows->count;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int index) {
    const struct cursor *cursor = (const struct cursor *)base;
    sqlite3_result_int64(result, cursor->rows->values[cursor->row * INTEGER_ROWS_COLUMNS + (size_t)index]);
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *result) {
    *result = (sqlite3_int64)((struct cursor *)cursor)->row;
    return SQLITE_OK;
}

// Without xCreate the table needs no CREATE VIRTUAL TABLE, so the file never names it.
static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = is_at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int integer_rows_register(struct sqlite3 *database, const char *name, struct integer_rows *rows) {
    return sqlite3_create_module_v2(database, name, &module, rows, NULL);
}
