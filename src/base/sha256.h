/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4). Life: sha256_init() -> sha256_update() any number of times -> sha256_final(), after which the
 * struct must be initialised again. Uses the processor's SHA instructions where there are some. No errors, no memory.
 */
#ifndef MOAT_BASE_SHA256_H
#define MOAT_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* with the NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
void sha256_final(struct sha256 *s, uint8_t digest[SHA256_SIZE]);

/* Lower-case hexadecimal, NUL-terminated. */
void sha256_hex(const uint8_t digest[SHA256_SIZE], char hex[SHA256_HEX_SIZE]);

/* All of it at once. */
void sha256_hex_of(const void *data, size_t len, char hex[SHA256_HEX_SIZE]);

/* The portable rounds even where the processor has better ones; for tests. */
void sha256_force_portable(int on);

#endif
