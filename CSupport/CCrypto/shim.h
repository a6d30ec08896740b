// libcrypto (OpenSSL 3) for Swift: digests through EVP, random bytes, base64. No shims are needed: all of it imports.

#ifndef TICKLINE_CCRYPTO_SHIM_H
#define TICKLINE_CCRYPTO_SHIM_H

#include <openssl/evp.h>
#include <openssl/rand.h>

#endif
