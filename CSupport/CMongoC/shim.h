// libmongoc and libbson for Swift, with what Swift cannot do itself.
//
// bson_iter_t and bson_t are aligned to 128 bytes, so Swift can hold neither: replies are walked and inner arrays built
// here. The functions that read allocate nothing unless they say so; all may be called from any thread, for one
// document from one at a time.

#ifndef TICKLINE_CMONGOC_SHIM_H
#define TICKLINE_CMONGOC_SHIM_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// What CMongoC_write_error_codes reports for a duplicate key in another unique index than that of `_id`.
#define CMONGOC_DUPLICATE_OF_OTHER_INDEX (-11000)

// Walks the array `writeErrors` of a bulk write's reply, in one pass: stores up to `capacity` codes and returns their
// number. It exists because looking elements up by path would be quadratic.
static inline uint32_t CMongoC_write_error_codes(const bson_t *_Nonnull reply, int32_t *_Nonnull codes,
                                                 uint32_t capacity) {
    bson_iter_t errors, error, field, pattern;
    uint32_t count = 0;
    if (!bson_iter_init_find(&errors, reply, "writeErrors") || !bson_iter_recurse(&errors, &error)) return 0;
    while (count < capacity && bson_iter_next(&error)) {
        int32_t code = 0;
        bool other_index = false;
        if (!bson_iter_recurse(&error, &field)) continue;
        while (bson_iter_next(&field)) {
            if (strcmp(bson_iter_key(&field), "code") == 0) {
                code = (int32_t)bson_iter_as_int64(&field);
            } else if (strcmp(bson_iter_key(&field), "keyPattern") == 0 && bson_iter_recurse(&field, &pattern)) {
                other_index = !bson_iter_find(&pattern, "_id");
            }
        }
        codes[count++] = code == 11000 && other_index ? CMONGOC_DUPLICATE_OF_OTHER_INDEX : code;
    }
    return count;
}

// The text at a dotted path such as `writeErrors.0.errmsg`, NULL where there is none; it belongs to `reply`.
static inline const char *_Nullable CMongoC_text(const bson_t *_Nonnull reply, const char *_Nonnull path) {
    bson_iter_t root, found;
    if (!bson_iter_init(&root, reply) || !bson_iter_find_descendant(&root, path, &found)) return NULL;
    return BSON_ITER_HOLDS_UTF8(&found) ? bson_iter_utf8(&found, NULL) : NULL;
}

// Whether there is anything at a dotted path.
static inline bool CMongoC_has(const bson_t *_Nonnull reply, const char *_Nonnull path) {
    bson_iter_t root, found;
    return bson_iter_init(&root, reply) && bson_iter_find_descendant(&root, path, &found);
}

// The integer at a dotted path, `missing` where there is none.
static inline int64_t CMongoC_integer(const bson_t *_Nonnull reply, const char *_Nonnull path, int64_t missing) {
    bson_iter_t root, found;
    if (!bson_iter_init(&root, reply) || !bson_iter_find_descendant(&root, path, &found)) return missing;
    return BSON_ITER_HOLDS_NUMBER(&found) ? bson_iter_as_int64(&found) : missing;
}

// Length of a document; Swift cannot see the field.
static inline uint32_t CMongoC_document_bytes(const bson_t *_Nonnull document) {
    return document->len;
}

// Appends the array of two texts at `index` of `array`; they need no NUL and are copied. False beyond 2 GiB.
static inline bool CMongoC_append_pair(bson_t *_Nonnull array, uint32_t index, const char *_Nonnull first,
                                       int32_t first_bytes, const char *_Nonnull second, int32_t second_bytes) {
    bson_t pair;
    char memory[16];
    const char *key;
    size_t key_bytes = bson_uint32_to_string(index, &key, memory, sizeof memory);
    return bson_append_array_begin(array, key, (int)key_bytes, &pair) &&
           bson_append_utf8(&pair, "0", 1, first, first_bytes) &&
           bson_append_utf8(&pair, "1", 1, second, second_bytes) && bson_append_array_end(array, &pair);
}

// A field of a document. `type` is a bson_type_t, BSON_TYPE_EOD where there is nothing.
struct CMongoC_field {
    uint32_t type;
    uint32_t text_bytes;
    // An integer, a date's milliseconds, or 0 and 1 for false and true.
    int64_t integer;
    // The halves of a decimal.
    uint64_t low, high;
    // UTF-8, without a NUL at its end; it belongs to the document.
    const char *_Nullable text;
};

// What is at a dotted path.
static inline struct CMongoC_field CMongoC_field_at(const bson_t *_Nonnull document, const char *_Nonnull path) {
    struct CMongoC_field field = {.type = BSON_TYPE_EOD};
    bson_iter_t root, found;
    bson_decimal128_t decimal;
    if (!bson_iter_init(&root, document) || !bson_iter_find_descendant(&root, path, &found)) return field;
    field.type = (uint32_t)bson_iter_type(&found);
    switch (field.type) {
    case BSON_TYPE_UTF8:
        field.text = bson_iter_utf8(&found, &field.text_bytes);
        break;
    case BSON_TYPE_DATE_TIME:
        field.integer = bson_iter_date_time(&found);
        break;
    case BSON_TYPE_DECIMAL128:
        if (bson_iter_decimal128(&found, &decimal)) {
            field.low = decimal.low;
            field.high = decimal.high;
        }
        break;
    default:
        field.integer = bson_iter_as_int64(&found);
    }
    return field;
}

// The array at a dotted path as JSON, NULL where there is none; the caller frees it with bson_free.
static inline char *_Nullable CMongoC_array_json(const bson_t *_Nonnull document, const char *_Nonnull path) {
    bson_iter_t root, found;
    bson_t array;
    const uint8_t *bytes = NULL;
    uint32_t length = 0;
    if (!bson_iter_init(&root, document) || !bson_iter_find_descendant(&root, path, &found)) return NULL;
    if (!BSON_ITER_HOLDS_ARRAY(&found)) return NULL;
    bson_iter_array(&found, &length, &bytes);
    return bson_init_static(&array, bytes, length) ? bson_array_as_json(&array, NULL) : NULL;
}

// The value of any type at a dotted path as an array's only element in JSON, NULL where there is none; the caller frees
// it with bson_free. A function here because bson_t and its iterator live on the stack.
static inline char *_Nullable CMongoC_value_json(const bson_t *_Nonnull document, const char *_Nonnull path) {
    bson_iter_t root, found;
    bson_t array;
    char *json = NULL;
    if (!bson_iter_init(&root, document) || !bson_iter_find_descendant(&root, path, &found)) return NULL;
    bson_init(&array);
    if (bson_append_iter(&array, "0", 1, &found)) json = bson_array_as_json(&array, NULL);
    bson_destroy(&array);
    return json;
}

// Hands each document of the array at a dotted path to `visit`, in order, or the one document that is there; false
// where there is neither, or the array holds anything else. One pass, which looking elements up by path would not be.
// The elements belong to the document.
static inline bool
CMongoC_each_document(const bson_t *_Nonnull document, const char *_Nonnull path, void *_Nonnull context,
                      void (*_Nonnull visit)(void *_Nonnull context, const bson_t *_Nonnull element)) {
    bson_iter_t root, found, item;
    bson_t element;
    const uint8_t *bytes = NULL;
    uint32_t length = 0;
    if (!bson_iter_init(&root, document) || !bson_iter_find_descendant(&root, path, &found)) return false;
    if (BSON_ITER_HOLDS_DOCUMENT(&found)) {
        bson_iter_document(&found, &length, &bytes);
        if (!bson_init_static(&element, bytes, length)) return false;
        visit(context, &element);
        return true;
    }
    if (!BSON_ITER_HOLDS_ARRAY(&found) || !bson_iter_recurse(&found, &item)) return false;
    while (bson_iter_next(&item)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&item)) return false;
        bson_iter_document(&item, &length, &bytes);
        if (!bson_init_static(&element, bytes, length)) return false;
        visit(context, &element);
    }
    return true;
}

// The message of a bson_error_t; Swift sees an array of 504 elements as a tuple.
static inline const char *_Nonnull CMongoC_message(const bson_error_t *_Nonnull error) {
    return error->message;
}

// Runs a command on the primary and copies its reply into `reply`, an existing empty document: the driver initialises
// the reply it is given and needs a bson_t for it, which Swift cannot hold. `options` are the driver's, such as the
// write concern. Blocks within the client's time limits.
static inline bool CMongoC_command(mongoc_client_t *_Nonnull client, const char *_Nonnull database,
                                   const bson_t *_Nonnull command, const bson_t *_Nonnull options,
                                   bson_t *_Nonnull reply, bson_error_t *_Nonnull error) {
    bson_t answer;
    bool done = mongoc_client_write_command_with_opts(client, database, command, options, &answer, error);
    bson_concat(reply, &answer);
    bson_destroy(&answer);
    return done;
}

// Executes a bulk write and copies its reply into `reply`, an existing empty document; see above. Blocks likewise.
static inline bool CMongoC_execute(mongoc_bulk_operation_t *_Nonnull bulk, bson_t *_Nonnull reply,
                                   bson_error_t *_Nonnull error) {
    bson_t answer;
    bool done = mongoc_bulk_operation_execute(bulk, &answer, error) != 0;
    bson_concat(reply, &answer);
    bson_destroy(&answer);
    return done;
}

#endif
