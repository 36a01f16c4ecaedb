/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoder says of an instruction against what a decoder of others (Zydis) says of it. */
#ifndef MOAT_TESTS_DECODE_ORACLE_H
#define MOAT_TESTS_DECODE_ORACLE_H

#include "cpu/decode/decode.h"

enum decode_verdict {
    DECODE_SAME,
    DECODE_KNOWN,    /* differs as the list of differences says */
    DECODE_DIFFERENT /* `text` says how */
};

#define DECODE_TEXT_MAX 512

/* Whether there is another decoder; else says what is missing. */
bool decode_oracle(void);

/* Validity, length, name, operands with their widths and accesses, memory, immediates, flags. */
enum decode_verdict decode_compare(const uint8_t *bytes, size_t n, enum decode_mode mode, char text[DECODE_TEXT_MAX]);

/* Length by the other decoder alone; 0 when it is no instruction. */
unsigned decode_oracle_length(const uint8_t *bytes, size_t n);

#endif
