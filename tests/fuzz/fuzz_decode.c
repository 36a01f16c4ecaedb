/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. The first byte of an input chooses the mode, the rest are bytes of code: decoded one after another, held
 * to what decode.h promises, and compared with another decoder where there is one (tests/unit/decode_oracle.h).
 */
#include "../unit/decode_oracle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void check_operand(const struct insn *in, const struct insn_operand *p)
{
    check(p->kind > OPERAND_NONE && p->kind <= OPERAND_FAR && p->access <= (ACCESS_READ | ACCESS_WRITE));
    check(p->kind != OPERAND_MEMORY || in->has_memory);
    check(p->kind != OPERAND_REGISTER || (p->reg < 32 && p->registers <= REGISTERS_MASK));
    check(p->kind != OPERAND_TARGET || (in->target == in->imm && in->imm_bytes));
}

static void check_insn(const struct insn *in, int length)
{
    check(in->length == length && length >= 1 && length <= 15 && in->name < INSN_NAMES);
    check(in->disp_offset + in->disp_bytes <= length && in->imm_offset + in->imm_bytes <= length);
    check(!in->memory.rip_relative || (in->has_memory && in->disp_bytes == 4));
    check(!(in->flags_written & in->flags_undefined));
    check(in->n_operands <= INSN_OPERANDS_MAX);
    for (unsigned i = 0; i < in->n_operands; i++)
        check_operand(in, &in->operands[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DECODE_TEXT_MAX];

    if (!size)
        return 0;
    enum decode_mode mode = (enum decode_mode)(data[0] % 3);
    size_t n = size - 1, at = 0;
    uint8_t *bytes = malloc(n ? n : 1); /* its own, so that its end is watched */

    check(bytes != NULL);
    memcpy(bytes, data + 1, n);
    while (at < n) {
        struct insn in, cut;
        int length = decode_insn(bytes + at, n - at, mode, &in);

        if (decode_compare(bytes + at, n - at, mode, text) == DECODE_DIFFERENT) {
            fprintf(stderr, "%s\n", text);
            abort();
        }
        check(length > 0 || length == -EILSEQ || (length == -ENODATA && n - at < 15));
        if (length > 0) {
            check_insn(&in, length);
            check(decode_insn(bytes + at, (size_t)length - 1, mode, &cut) == -ENODATA);
        }
        at += length > 0 ? (size_t)length : 1;
    }
    free(bytes);
    return 0;
}
