/* SPDX-License-Identifier: Apache-2.0 */
/* moat-cpu decode: what the decoder says of some bytes, as JSON. */
#include "cpu/decode/decode.h"
#include "cpu/tool/tool.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"none", "register", "memory", "immediate", "target", "far"};
static const char *const register_classes[] = {"general", "high", "segment", "control", "debug",
                                               "x87",     "mmx",  "vector",  "mask"};
static const char *const flag_names[16] = {"c", NULL, "p", NULL, "a",  NULL, "z",  "s",
                                           "t", "i",  "d", "o",  NULL, NULL, NULL, "rest"};

static int hex_digit(int c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* Pairs of digits, spaces between them as one likes. The number of bytes, or -1. */
static int bytes_of(const char *text, uint8_t *out, int room)
{
    int n = 0;
    for (; *text; text++) {
        if (isspace((unsigned char)*text))
            continue;
        int high = hex_digit((unsigned char)text[0]), low = high < 0 ? -1 : hex_digit((unsigned char)text[1]);
        if (low < 0 || n == room)
            return -1;
        out[n++] = (uint8_t)(high << 4 | low);
        text++;
    }
    return n;
}

static void flags_out(struct json_writer *w, const char *key, uint16_t flags)
{
    json_array_begin(w, key);
    for (unsigned i = 0; i < 16; i++)
        if (flags >> i & 1 && flag_names[i])
            json_string(w, NULL, flag_names[i]);
    json_array_end(w);
}

static void operand_out(struct json_writer *w, const struct insn_operand *o)
{
    json_object_begin(w, NULL);
    json_string(w, "kind", kinds[o->kind]);
    if (o->kind == OPERAND_REGISTER) {
        json_string(w, "registers", register_classes[o->registers]);
        json_uint(w, "register", o->reg);
    }
    json_uint(w, "bytes", o->bytes);
    json_bool(w, "read", o->access & ACCESS_READ);
    json_bool(w, "written", o->access & ACCESS_WRITE);
    json_object_end(w);
}

static void memory_out(struct json_writer *w, const struct insn_memory *m)
{
    json_object_begin(w, "memory");
    json_uint(w, "segment", m->segment);
    if (m->base != INSN_REGISTER_NONE)
        json_uint(w, "base", m->base);
    if (m->index != INSN_REGISTER_NONE)
        json_uint(w, "index", m->index);
    json_uint(w, "scale", m->scale);
    json_bool(w, "rip_relative", m->rip_relative);
    json_int(w, "displacement", m->disp);
    json_object_end(w);
}

static void insn_out(struct json_writer *w, const struct insn *insn)
{
    json_object_begin(w, NULL);
    json_string(w, "name", insn_name_text(insn->name));
    json_uint(w, "length", insn->length);
    json_uint(w, "operand_bytes", insn->operand_bytes);
    json_uint(w, "address_bytes", insn->address_bytes);
    if (insn->has_memory)
        memory_out(w, &insn->memory);
    if (insn->imm_bytes)
        json_int(w, "immediate", insn->imm);
    json_array_begin(w, "operands");
    for (unsigned i = 0; i < insn->n_operands; i++)
        operand_out(w, &insn->operands[i]);
    json_array_end(w);
    flags_out(w, "flags_read", insn->flags_read);
    flags_out(w, "flags_written", insn->flags_written);
    flags_out(w, "flags_undefined", insn->flags_undefined);
    json_object_end(w);
    json_line_end(w);
}

int command_decode(int argc, char **argv)
{
    const char *hex = NULL, *v;
    uint64_t mode = 64;
    for (int i = 0; i < argc; i++) {
        if ((v = option_value(argc, argv, &i, "--mode"))) {
            if (parse_number(v, &mode) < 0 || (mode != 16 && mode != 32 && mode != 64))
                return usage("decode", "--mode is 16, 32 or 64");
        } else if (strcmp(argv[i], "--json") == 0)
            continue; /* what it prints in any case */
        else if (argv[i][0] != '-' && !hex)
            hex = argv[i];
        else
            return usage("decode", "what is %s?", argv[i]);
    }
    uint8_t bytes[4096];
    int n = hex ? bytes_of(hex, bytes, sizeof bytes) : -1;
    if (n < 1)
        return usage("decode", "wants bytes as pairs of hexadecimal digits");
    struct json_writer w = {0};
    int status = 0;
    for (int at = 0; at < n;) {
        struct insn insn;
        int length = decode_insn(bytes + at, (size_t)(n - at),
                                 mode == 64   ? DECODE_64
                                 : mode == 32 ? DECODE_32
                                              : DECODE_16,
                                 &insn);
        if (length < 0) {
            status = usage("decode", "no instruction at byte %d", at);
            break;
        }
        insn_out(&w, &insn);
        at += length;
    }
    if (!w.failed && w.buf)
        fwrite(w.buf, 1, w.len, stdout);
    json_writer_free(&w);
    return status;
}
