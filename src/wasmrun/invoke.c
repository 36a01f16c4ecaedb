/* SPDX-License-Identifier: Apache-2.0 */
/* See invoke.h. Pure. */
#include "wasmrun/invoke.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char *word, uint8_t type, const char *why, struct err *err)
{
    return err_set(err, -EINVAL, "the argument '%s': %s %s", word, wasm_type_name(type), why);
}

/* Signed or unsigned, in `bits`. */
static bool read_integer(const char *word, int bits, uint64_t *out)
{
    const char *digits = word + (*word == '-');
    const bool hexadecimal = digits[0] == '0' && (digits[1] | 0x20) == 'x';
    const uint64_t least = bits == 64 ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
    char *end;

    digits += hexadecimal ? 2 : 0;
    errno = 0;
    unsigned long long n = strtoull(digits, &end, hexadecimal ? 16 : 10);
    if (!strchr("0123456789abcdefABCDEF", *digits) || !*digits || *end || errno)
        return false;
    if (*word == '-' ? n > least : bits == 32 && n > UINT32_MAX)
        return false;
    *out = *word == '-' ? 0 - (uint64_t)n : n;
    return true;
}

static bool read_float(const char *word, uint8_t type, union wasm_value *out)
{
    char *end;

    if (type == WASM_F32) {
        float f = strtof(word, &end);
        memcpy(&out->f32, &f, sizeof f);
    } else {
        double f = strtod(word, &end);
        memcpy(&out->f64, &f, sizeof f);
    }
    return end != word && !*end;
}

static bool read_vector(const char *word, union wasm_value *out)
{
    char pair[3] = "";
    char *end;

    if (strlen(word) != 34 || word[0] != '0' || word[1] != 'x')
        return false;
    for (int i = 0; i < 16; i++) {
        memcpy(pair, word + 2 + 2 * i, 2);
        out->v128[15 - i] = (uint8_t)strtoul(pair, &end, 16);
        if (*end || pair[0] == '-' || pair[0] == '+' || pair[0] == ' ')
            return false;
    }
    return true;
}

int invoke_read(uint8_t type, const char *word, union wasm_value *out, struct err *err)
{
    uint64_t n = 0;

    memset(out, 0, sizeof *out); /* all of it: its first member is not its largest */
    switch (type) {
    case WASM_I32:
    case WASM_I64:
        if (!read_integer(word, type == WASM_I32 ? 32 : 64, &n))
            return refuse(word, type, "is a whole number of its size, decimal or with 0x", err);
        if (type == WASM_I32)
            out->i32 = (uint32_t)n;
        else
            out->i64 = n;
        return 0;
    case WASM_F32:
    case WASM_F64:
        return read_float(word, type, out) ? 0 : refuse(word, type, "is a number, as 1.5, 1e-3, inf or nan", err);
    case WASM_V128:
        return read_vector(word, out) ? 0 : refuse(word, type, "is 0x and 32 hexadecimal digits", err);
    default:
        return !strcmp(word, "null") ? 0 : refuse(word, type, "has no word but null", err);
    }
}

static void write_float(double f, bool is_single, char out[INVOKE_TEXT])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, INVOKE_TEXT, "%.*g", digits, f);
        double back = is_single ? (double)strtof(out, NULL) : strtod(out, NULL);
        if (back == f || f != f)
            return;
    }
}

void invoke_write(uint8_t type, const union wasm_value *value, char out[INVOKE_TEXT])
{
    float single;
    double number;
    size_t n;

    switch (type) {
    case WASM_I32:
        snprintf(out, INVOKE_TEXT, "%ld", (long)(int32_t)value->i32);
        return;
    case WASM_I64:
        snprintf(out, INVOKE_TEXT, "%lld", (long long)value->i64);
        return;
    case WASM_F32:
        memcpy(&single, &value->f32, sizeof single);
        write_float((double)single, true, out);
        return;
    case WASM_F64:
        memcpy(&number, &value->f64, sizeof number);
        write_float(number, false, out);
        return;
    case WASM_V128:
        n = (size_t)snprintf(out, INVOKE_TEXT, "0x");
        for (int i = 15; i >= 0; i--)
            n += (size_t)snprintf(out + n, INVOKE_TEXT - n, "%02x", value->v128[i]);
        return;
    default:
        snprintf(out, INVOKE_TEXT, "%s", value->ref ? wasm_type_name(type) : "null");
    }
}
