/* SPDX-License-Identifier: Apache-2.0 */
/* Values as wast2json writes them: decimal text of the bits, "nan:canonical", "nan:arithmetic", lists of lanes. */
#include "spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a value or lane; 0: not a number. */
static unsigned width_of(const char *type)
{
    static const struct {
        const char *name;
        unsigned width;
    } rows[] = {{"i8", 1}, {"i16", 2}, {"i32", 4}, {"i64", 8}, {"f32", 4}, {"f64", 8}};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        if (!strcmp(type, rows[k].name))
            return rows[k].width;
    return 0;
}

static bool is_ref(const char *type)
{
    return !strcmp(type, "externref") || !strcmp(type, "funcref");
}

/* A reference of the host with a number is that number plus 1: 0 is null. */
static uint64_t ref_of(const char *text)
{
    return strcmp(text, "null") ? strtoull(text, NULL, 10) + 1 : 0;
}

static const struct json *lanes_of(const struct json *j)
{
    const struct json *lanes = json_get(j, "value");
    return lanes && lanes->type == JSON_ARRAY ? lanes->child : NULL;
}

bool spec_value_parse(const struct json *j, union wasm_value *out)
{
    const char *type = json_get_text(j, "type", ""), *text = json_get_text(j, "value", "");
    *out = (union wasm_value){0};
    if (is_ref(type)) {
        out->ref = ref_of(text);
        return true;
    }
    if (strcmp(type, "v128")) {
        out->i64 = strtoull(text, NULL, 10);
        return width_of(type) != 0;
    }
    unsigned width = width_of(json_get_text(j, "lane_type", "")), at = 0;
    for (const struct json *lane = lanes_of(j); lane && at + width <= 16; lane = lane->next, at += width) {
        uint64_t bits = strtoull(lane->string.s, NULL, 10);
        memcpy(out->v128 + at, &bits, width);
    }
    return width && at == 16;
}

/* A NaN of this width: the quiet bit alone in its payload, or at least the quiet bit. */
static bool nan_match(const char *text, unsigned width, uint64_t bits)
{
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    uint64_t quiet = width == 4 ? UINT64_C(0x7fc00000) : UINT64_C(0x7ff8000000000000);
    if (!strcmp(text, "nan:canonical"))
        return (bits & ~sign) == quiet;
    return (bits & quiet) == quiet;
}

static bool number_match(const char *text, unsigned width, const uint8_t *bytes)
{
    uint64_t bits = 0;
    memcpy(&bits, bytes, width);
    if (!strncmp(text, "nan:", 4))
        return nan_match(text, width, bits);
    uint64_t expected = strtoull(text, NULL, 10);
    return width == 8 ? bits == expected : bits == (expected & ((UINT64_C(1) << 8 * width) - 1));
}

static bool vector_match(const struct json *expected, const union wasm_value *v)
{
    unsigned width = width_of(json_get_text(expected, "lane_type", "")), at = 0;
    for (const struct json *lane = lanes_of(expected); lane && width && at < 16; lane = lane->next, at += width)
        if (!number_match(lane->string.s, width, v->v128 + at))
            return false;
    return at == 16;
}

bool spec_value_match(const struct json *expected, const union wasm_value *v)
{
    const char *type = json_get_text(expected, "type", ""), *text = json_get_text(expected, "value", NULL);
    if (is_ref(type)) {
        if (!text)
            return v->ref != 0;
        return strcmp(type, "funcref") || !strcmp(text, "null") ? v->ref == ref_of(text) : v->ref != 0;
    }
    if (!strcmp(type, "v128"))
        return vector_match(expected, v);
    uint8_t bytes[8];
    memcpy(bytes, v, sizeof bytes);
    return text && width_of(type) && number_match(text, width_of(type), bytes);
}

void spec_value_print(const struct json *type, const union wasm_value *v, char *out, size_t size)
{
    const char *name = json_get_text(type, "type", "");
    uint64_t words[2];
    memcpy(words, v, sizeof words);
    if (width_of(name) == 4)
        snprintf(out, size, "%s 0x%" PRIx32, name, v->i32);
    else if (strcmp(name, "v128"))
        snprintf(out, size, "%s 0x%" PRIx64, name, words[0]);
    else
        snprintf(out, size, "%s 0x%016" PRIx64 "%016" PRIx64, name, words[1], words[0]);
}
