/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-cpu step: a case per line of standard input, an answer per line (docs/moat-cpu.md). The lines may be anything;
 * each begins from the same state and leaves nothing to the next.
 */
#include "cpu/tool/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_RAM   (UINT64_C(32) << 20)
#define STEP_LIMIT 1000000 /* instructions of a case that runs until it halts */

struct step {
    struct flat flat;
    struct arena arena;
    bool quiet;
    uint64_t cases, failed;
};

static int number_of(const struct json *j, uint64_t *out)
{
    if (!j)
        return -EINVAL;
    if (j->type == JSON_STRING)
        return parse_number(j->string.s, out);
    if (j->type == JSON_INT) {
        *out = (uint64_t)j->integer;
        return 0;
    }
    if (j->type == JSON_UINT) {
        *out = j->uinteger;
        return 0;
    }
    return -EINVAL;
}

static uint64_t number_or(const struct json *object, const char *name, uint64_t absent)
{
    uint64_t value;
    return number_of(json_get(object, name), &value) == 0 ? value : absent;
}

/* A pair [address, value] of a list. */
static int pair_of(const struct json *pair, uint64_t *address, uint64_t *value, struct err *err)
{
    if (pair->type != JSON_ARRAY || pair->count != 2 || number_of(pair->child, address) < 0 ||
        number_of(pair->child->next, value) < 0)
        return err_set(err, -EINVAL, "memory is a list of [address, byte]");
    return 0;
}

static int step_registers(const struct json *registers, struct vcpu_state *s, struct err *err)
{
    for (const struct json *j = registers ? registers->child : NULL; j; j = j->next) {
        const struct register_name *r = register_find(j->key);
        uint64_t value;
        if (!r)
            return err_set(err, -EINVAL, "no register %s", j->key);
        if (number_of(j, &value) < 0)
            return err_set(err, -EINVAL, "%s is no number", j->key);
        register_set(s, r, value);
    }
    return 0;
}

static int step_memory(struct flat *f, const struct json *memory, struct err *err)
{
    for (const struct json *j = memory ? memory->child : NULL; j; j = j->next) {
        uint64_t address, value;
        if (pair_of(j, &address, &value, err) < 0)
            return err->code;
        uint8_t *byte = flat_byte(f, address);
        if (!byte)
            return err_set(err, -EINVAL, "no memory at 0x%" PRIx64, address);
        *byte = (uint8_t)value;
    }
    return 0;
}

/* ---- Answers ------------------------------------------------------------------------------------------------- */

static void differ(struct json_writer *w, unsigned *n, const char *what, uint64_t got, uint64_t expected)
{
    char text[128];
    if (!(*n)++)
        json_array_begin(w, "differs");
    snprintf(text, sizeof text, "%s is 0x%" PRIx64 ", expected 0x%" PRIx64, what, got, expected);
    json_string(w, NULL, text);
}

static uint64_t mask_at(const struct json *masks, uint64_t address)
{
    for (const struct json *j = masks ? masks->child : NULL; j; j = j->next) {
        uint64_t at, mask;
        struct err ignored;
        if (pair_of(j, &at, &mask, &ignored) == 0 && at == address)
            return mask;
    }
    return 0xff;
}

/* What is not as the case expects. */
static unsigned step_compare(struct step *t, const struct json *c, const struct json *expect,
                             const struct vcpu_state *s, struct json_writer *w)
{
    unsigned n = 0;
    uint64_t flags_mask = number_or(c, "flags_mask", UINT64_MAX), value, address;
    const struct json *registers = json_get(expect, "registers"), *memory = json_get(expect, "memory");
    for (const struct json *j = registers ? registers->child : NULL; j; j = j->next) {
        const struct register_name *r = register_find(j->key);
        if (!r || number_of(j, &value) < 0)
            continue;
        uint64_t mask = strstr(j->key, "flags") ? flags_mask : UINT64_MAX, got = register_get(s, r);
        if ((got & mask) != (value & mask))
            differ(w, &n, j->key, got & mask, value & mask);
    }
    for (const struct json *j = memory ? memory->child : NULL; j; j = j->next) {
        struct err ignored;
        char name[40];
        if (pair_of(j, &address, &value, &ignored) < 0 || address >= t->flat.ram_bytes)
            continue;
        uint64_t mask = mask_at(json_get(c, "memory_masks"), address), got = t->flat.ram[address];
        snprintf(name, sizeof name, "byte at 0x%" PRIx64, address);
        if ((got & mask) != (value & mask))
            differ(w, &n, name, got & mask, value & mask);
    }
    if (n)
        json_array_end(w);
    return n;
}

static void step_registers_out(const struct vcpu_state *s, struct json_writer *w)
{
    json_object_begin(w, "registers");
    const struct register_name *r;
    for (unsigned i = 0; (r = register_at(i)); i++)
        if (r->bytes == 8 || r->segment)
            json_uint(w, r->name, register_get(s, r));
    json_object_end(w);
}

static void step_memory_out(struct flat *f, const struct json *memory, struct json_writer *w)
{
    json_array_begin(w, "memory");
    for (const struct json *j = memory ? memory->child : NULL; j; j = j->next) {
        uint64_t address;
        const struct json *at = j->type == JSON_ARRAY ? j->child : j;
        if (!at || number_of(at, &address) < 0 || address >= f->ram_bytes)
            continue;
        json_array_begin(w, NULL);
        json_uint(w, NULL, address);
        json_uint(w, NULL, f->ram[address]);
        json_array_end(w);
    }
    json_array_end(w);
}

static const char *exit_name(enum cpu_exit exit)
{
    static const char *const names[] = {"budget", "kick", "halt", "shutdown", "stop"};
    return (unsigned)exit < sizeof names / sizeof *names ? names[exit] : "?";
}

/* ---- One case ------------------------------------------------------------------------------------------------- */

static int step_prepare(struct step *t, const struct json *c, struct err *err)
{
    struct vcpu_state s;
    const char *why = NULL;
    if (c->type != JSON_OBJECT)
        return err_set(err, -EINVAL, "a case is an object");
    if (state_of_mode(&t->flat, (unsigned)number_or(c, "mode", 16), STEP_RAM, &s) < 0)
        return err_set(err, -EINVAL, "mode is 16, 32 or 64");
    if (step_registers(json_get(c, "registers"), &s, err) < 0 || step_memory(&t->flat, json_get(c, "memory"), err) < 0)
        return err->code;
    s.rflags |= 2;
    if (vcpu_state_check(&s, &why) < 0)
        return err_set(err, -EINVAL, "no such state: %s", why ? why : "?");
    cpu_state_set(t->flat.cpu, &s);
    return 0;
}

static void step_case(struct step *t, const struct json *c, struct json_writer *w)
{
    struct err err = {0};
    struct vcpu_state s;
    const struct json *expect = json_get(c, "expect");
    bool failed = false;
    json_object_begin(w, NULL);
    json_string(w, "name", json_get_text(c, "name", ""));
    if (step_prepare(t, c, &err) < 0) {
        json_string(w, "error", err.text);
        failed = true;
    } else {
        bool until_halt = strcmp(json_get_text(c, "until", ""), "halt") == 0;
        uint64_t before = cpu_executed(t->flat.cpu);
        enum cpu_exit exit = cpu_run(t->flat.cpu, until_halt ? STEP_LIMIT : number_or(c, "steps", 1));
        cpu_state_get(t->flat.cpu, &s);
        json_string(w, "exit", exit_name(exit));
        json_uint(w, "executed", cpu_executed(t->flat.cpu) - before);
        if (expect)
            failed = step_compare(t, c, expect, &s, w) || (until_halt && exit != CPU_EXIT_HALT);
        if (expect)
            json_bool(w, "ok", !failed);
        if (!expect || failed) {
            step_registers_out(&s, w);
            step_memory_out(&t->flat, json_get(c, "memory"), w);
        }
    }
    json_object_end(w);
    json_line_end(w);
    t->cases++;
    t->failed += failed;
    if (!t->quiet || failed)
        fwrite(w->buf, 1, w->len, stdout);
}

static int step_lines(struct step *t)
{
    _cleanup_free_ char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        struct json_writer w = {0};
        struct err err = {0};
        struct json *c = NULL;
        if (line[n - 1] == '\n')
            line[--n] = 0;
        if (n == 0)
            continue;
        if (json_parse(&t->arena, line, (size_t)n, &c, &err) < 0)
            return usage("step", "case %" PRIu64 ": %s", t->cases + 1, err.text);
        step_case(t, c, &w);
        if (w.failed)
            return usage("step", "no memory for an answer");
        json_writer_free(&w);
        flat_forget(&t->flat);
        memset(t->arena.base, 0, t->arena.used);
        t->arena.used = 0;
    }
    return 0;
}

int command_step(int argc, char **argv)
{
    struct step t = {0};
    struct err err = {0};
    const char *model = "moat64", *v;
    for (int i = 0; i < argc; i++) {
        if ((v = option_value(argc, argv, &i, "--cpu")))
            model = v;
        else if (strcmp(argv[i], "--quiet") == 0)
            t.quiet = true;
        else
            return usage("step", "what is %s?", argv[i]);
    }
    if (flat_make(&t.flat, STEP_RAM, model, NULL, &err) < 0 || arena_init(&t.arena, (size_t)256 << 20) < 0)
        return usage("step", "%s", err.text[0] ? err.text : "no memory");
    int status = step_lines(&t);
    if (t.quiet)
        printf("{\"cases\":%" PRIu64 ",\"failed\":%" PRIu64 "}\n", t.cases, t.failed);
    arena_free(&t.arena);
    flat_free(&t.flat);
    return status ? status : t.failed != 0;
}
