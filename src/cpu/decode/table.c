/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of insn.def as data, the way from an opcode to its rows, and their names. Constant; no code but look-ups. */
#include "cpu/decode/row.h"

#define NEEDS_MODRM(o) (OPERAND_PLACE(o) >= PLACE_E && OPERAND_PLACE(o) <= PLACE_MODRM_LAST)
#define ROW(NAME, MAP, OPCODE, FORM, OPERANDS, FLAGS, CLASS, ATTRIBUTES)                                               \
    {.operands = (OPERANDS),                                                                                           \
     .flags = (FLAGS),                                                                                                 \
     .match = (uint32_t)(FORM),                                                                                        \
     .mask = (uint32_t)((FORM) >> 32) | 3u << FORM_ENCODING,                                                           \
     .name = INSN_##NAME,                                                                                              \
     .map = MAP_##MAP,                                                                                                 \
     .opcode = (OPCODE),                                                                                               \
     .class = CLASS_##CLASS,                                                                                           \
     .attributes = (ATTRIBUTES),                                                                                       \
     .modrm = NEEDS_MODRM(OPERANDS) || NEEDS_MODRM((OPERANDS) >> 16) || NEEDS_MODRM((OPERANDS) >> 32) ||               \
              ((FORM) >> 32 & (7u << FORM_DIGIT | 1u << FORM_MOD))},

const struct insn_row insn_rows[] = {
#define INSN ROW
#define ALSO ROW
#include "cpu/decode/insn.def"
};
const unsigned insn_rows_count = sizeof insn_rows / sizeof insn_rows[0];

/* Initialisers of one element follow each other, a row of an opcode after another: the last is meant to hold. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif

enum { BEFORE_ROWS = __COUNTER__ };
#define PLACE(NAME, MAP, OPCODE, FORM, OPERANDS, FLAGS, CLASS, ATTRIBUTES)                                             \
    [(FORM) >> FORM_ENCODING & 3][MAP_##MAP][OPCODE] = __COUNTER__ - BEFORE_ROWS,

static const uint16_t last_rows[ENCODINGS][MAPS][256] = {
#define INSN PLACE
#define ALSO PLACE
#include "cpu/decode/insn.def"
};

unsigned insn_rows_of(enum insn_encoding encoding, unsigned map, unsigned opcode)
{
    return map < MAPS ? last_rows[encoding][map][opcode & 255] : 0;
}

static const char *const names[] = {
#define INSN(NAME, ...) #NAME,
#include "cpu/decode/insn.def"
};

const char *insn_name_text(enum insn_name name)
{
    return (unsigned)name < INSN_NAMES ? names[name] : "?";
}
