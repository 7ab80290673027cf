/* SHA-256 (FIPS 180-4): structural hashes, ids of records. Not for secrets. */
#ifndef HONE_IR_SHA256_H
#define HONE_IR_SHA256_H
#include <stddef.h>
#include <stdint.h>
struct sha256 { uint32_t h[8]; uint64_t len; uint8_t block[64]; };
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *p, size_t n);
void sha256_final(struct sha256 *s, uint8_t out[32]);
void sha256(const void *p, size_t n, uint8_t out[32]);
#endif
