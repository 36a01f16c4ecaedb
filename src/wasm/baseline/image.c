/* SPDX-License-Identifier: Apache-2.0 */
/* See image.h. Little-endian and of this machine's sizes: the file never leaves it. */
#include "wasm/baseline/image.h"

#include "base/mem.h"
#include "codegen/cpu.h"
#include "wasm/baseline/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC   "moatwasm"
#define VERSION (1u << 16 | WASM_ABI_VERSION)
#define PAGE    4096u

enum trait { TRAIT_FUEL = 1, TRAIT_NO_GS = 2, TRAIT_AVX = 4, TRAIT_BMI1 = 8, TRAIT_BMI2 = 16, TRAIT_LZCNT = 32 };

struct piece {
    uint64_t at, size; /* bytes in the file */
};

struct head {
    char magic[8];
    uint32_t version, traits;
    uint64_t size, sum; /* of the whole file; the sum with itself as 0 */
    struct piece module, code, entries, maps, map;
    uint32_t n, reserved; /* functions of the module's own */
};
_Static_assert(sizeof(struct head) == 120, "VERSION");

/* What decides about the code, as compile.c chooses it. */
static uint32_t traits_of(const struct wasm_compile_options *o)
{
    const bool plain = o->plain_cpu;

    return (o->fuel ? TRAIT_FUEL : 0u) | (o->no_gs || !code_cpu_has(CODE_CPU_FSGSBASE) ? TRAIT_NO_GS : 0u) |
           (!plain && code_cpu_has(CODE_CPU_AVX) ? TRAIT_AVX : 0u) |
           (!plain && code_cpu_has(CODE_CPU_BMI1) ? TRAIT_BMI1 : 0u) |
           (!plain && code_cpu_has(CODE_CPU_BMI2) ? TRAIT_BMI2 : 0u) |
           (!plain && code_cpu_has(CODE_CPU_LZCNT) ? TRAIT_LZCNT : 0u);
}

/* Against accidents. Four sums at once, since one waits for its own multiplication. */
static uint64_t sum_of(uint64_t start, const uint8_t *bytes, size_t size)
{
    uint64_t lanes[4] = {start, start ^ 1, start ^ 2, start ^ 3}, word;
    size_t at = 0;

    for (; size - at >= 32; at += 32)
        for (int i = 0; i < 4; i++) {
            memcpy(&word, bytes + at + 8 * i, 8);
            lanes[i] = (lanes[i] ^ word) * 0x9e3779b97f4a7c15u;
        }
    for (; at < size; at++)
        lanes[0] = (lanes[0] ^ bytes[at]) * 0x9e3779b97f4a7c15u;
    for (int i = 1; i < 4; i++)
        lanes[0] = (lanes[0] ^ lanes[i] >> 29 ^ lanes[i]) * 0x9e3779b97f4a7c15u;
    return lanes[0] ^ lanes[0] >> 32;
}

static bool lies_inside(const struct piece *p, size_t size)
{
    return p->at <= size && p->size <= size - p->at;
}

/* A copy of its head, of which every piece lies in the file. */
static bool read_head(const uint8_t *bytes, size_t size, struct head *h)
{
    if (size < sizeof *h)
        return false;
    memcpy(h, bytes, sizeof *h);
    return !memcmp(h->magic, MAGIC, sizeof h->magic) && h->size == size && lies_inside(&h->module, size) &&
           lies_inside(&h->code, size) && lies_inside(&h->entries, size) && lies_inside(&h->maps, size) &&
           lies_inside(&h->map, size);
}

bool wasm_image_is(const uint8_t *bytes, size_t size)
{
    return size >= sizeof(struct head) && !memcmp(bytes, MAGIC, 8);
}

static uint64_t sum_of_file(const uint8_t *bytes, struct head h)
{
    h.sum = 0;
    return sum_of(sum_of(0, (const uint8_t *)&h, sizeof h), bytes + sizeof h, h.size - sizeof h);
}

bool wasm_image_module(const uint8_t *bytes, size_t size, const uint8_t **module, size_t *module_size, size_t *code_at)
{
    struct head h;

    if (!read_head(bytes, size, &h) || h.code.at % PAGE || sum_of_file(bytes, h) != h.sum)
        return false;
    *code_at = h.code.at;
    *module = bytes + h.module.at;
    *module_size = h.module.size;
    return true;
}

/* n + 1 offsets that never fall and end at `end`. */
static bool is_rising(const uint8_t *bytes, const struct piece *p, uint32_t n, uint64_t end)
{
    const uint32_t *v = (const uint32_t *)(bytes + p->at);

    if (p->at % sizeof *v || p->size != ((uint64_t)n + 1) * sizeof *v || v[n] != end)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (v[i] > v[i + 1])
            return false;
    return true;
}

int wasm_code_load(const uint8_t *bytes, size_t size, const struct wasm_module *m, const struct wasm_compile_options *o,
                   struct wasm_code **out, struct err *err)
{
    const uint32_t n = m->n_functions - m->n_imported_functions;
    struct head h;

    if (!read_head(bytes, size, &h))
        return err_set(err, -EPROTO, "compiled code: the file is damaged");
    if (h.version != VERSION || h.traits != traits_of(o))
        return err_set(err, -ESTALE, "compiled code: of another version, CPU or options");
    if (h.n != n || h.code.at % PAGE || !is_rising(bytes, &h.entries, n, h.code.size) ||
        !is_rising(bytes, &h.maps, n, h.map.size))
        return err_set(err, -EPROTO, "compiled code: the file is damaged");
    struct wasm_code *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, -ENOMEM, "no memory for compiled code");
    c->module = m;
    c->n = n;
    c->borrowed = true;
    c->region.start = bytes + h.code.at;
    c->region.size = h.code.size;
    c->entries = (uint32_t *)(uintptr_t)(bytes + h.entries.at);
    c->maps = (uint32_t *)(uintptr_t)(bytes + h.maps.at);
    c->map = (uint8_t *)(uintptr_t)(bytes + h.map.at);
    int r = code_faults_on(c, err);
    if (r < 0) {
        free(c);
        return r;
    }
    *out = c;
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

struct part {
    struct piece *piece;
    const void *bytes;
    size_t size, alignment;
};

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, bytes + at, size - at);
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int wasm_code_save(const struct wasm_code *c, const struct wasm_compile_options *o, int fd, struct err *err)
{
    struct head h = {.magic = MAGIC, .version = VERSION, .traits = traits_of(o), .n = c->n};
    const struct part parts[] = {
        {&h.entries, c->entries, ((size_t)c->n + 1) * sizeof *c->entries, sizeof *c->entries},
        {&h.maps, c->maps, ((size_t)c->n + 1) * sizeof *c->maps, sizeof *c->maps},
        {&h.map, c->map, c->maps[c->n], 1},
        {&h.module, c->module->bytes, c->module->size, 16},
        {&h.code, c->region.start, c->region.size, PAGE},
    };
    uint64_t at = sizeof h;
    int r;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        at = (at + parts[i].alignment - 1) / parts[i].alignment * parts[i].alignment;
        *parts[i].piece = (struct piece){at, parts[i].size};
        at += parts[i].size;
    }
    h.size = at;
    /* In one piece, since the sum is over all of it. */
    uint8_t *whole = calloc(1, h.size);
    if (!whole)
        return err_set(err, -ENOMEM, "no memory for %llu bytes of compiled code", (unsigned long long)h.size);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].size)
            memcpy(whole + parts[i].piece->at, parts[i].bytes, parts[i].size);
    memcpy(whole, &h, sizeof h);
    h.sum = sum_of_file(whole, h);
    memcpy(whole, &h, sizeof h);
    r = write_all(fd, whole, h.size);
    free(whole);
    return r < 0 ? err_sys(err, r, "compiled code cannot be written") : 0;
}
