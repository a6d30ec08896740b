// libcurl for Swift. Swift cannot call variadic functions, so each argument type of curl_easy_setopt and
// curl_easy_getinfo that is used has a typed shim here; nothing else is added.
//
// Threads: as libcurl: a handle belongs to one thread at a time. Memory: strings given to setopt are copied by libcurl,
// other pointers must outlive the handle.

#ifndef TICKLINE_CCURL_SHIM_H
#define TICKLINE_CCURL_SHIM_H

#include <curl/curl.h>

// Options of type long.
static inline CURLcode CCurl_setopt_long(CURL *_Nonnull handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// Options of type char *; libcurl keeps a copy.
static inline CURLcode CCurl_setopt_string(CURL *_Nonnull handle, CURLoption option, const char *_Nullable value) {
    return curl_easy_setopt(handle, option, value);
}

// Options of type void *, CURLOPT_ERRORBUFFER among them; libcurl keeps the pointer.
static inline CURLcode CCurl_setopt_pointer(CURL *_Nonnull handle, CURLoption option, void *_Nullable value) {
    return curl_easy_setopt(handle, option, value);
}

// CURLOPT_XFERINFOFUNCTION.
static inline CURLcode CCurl_setopt_progress(CURL *_Nonnull handle, curl_xferinfo_callback _Nonnull callback) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, callback);
}

// CURLOPT_WRITEFUNCTION.
static inline CURLcode CCurl_setopt_write(CURL *_Nonnull handle, curl_write_callback _Nonnull callback) {
    return curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, callback);
}

// Information of type long.
static inline CURLcode CCurl_getinfo_long(CURL *_Nonnull handle, CURLINFO info, long *_Nonnull value) {
    return curl_easy_getinfo(handle, info, value);
}

// CURLINFO_ACTIVESOCKET.
static inline CURLcode CCurl_getinfo_socket(CURL *_Nonnull handle, curl_socket_t *_Nonnull value) {
    return curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, value);
}

#endif
