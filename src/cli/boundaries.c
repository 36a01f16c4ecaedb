/* SPDX-License-Identifier: Apache-2.0 */
/* `moat boundaries`: a row for each boundary of the spectrum. What is printed comes from the boundaries' own offers. */
#include "base/json.h"
#include "base/nearest.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/term.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARENA_SIZE   (4u << 20)
#define DEFAULT_NAME "container"
#define NOT_BUILT    "not in this build"
#define NAME_WIDTH   11
#define STATE_WIDTH  11

enum { OPTION_JSON };

const struct option_row boundaries_options[] = {
    {.name = "json", .help = "Print an array for programs", .id = OPTION_JSON},
};
const size_t n_boundaries_options = ARRAY_LEN(boundaries_options);

/* What each name means, for those who have not met it: how control leaves the confined code, and who answers. */
static const struct {
    const char *name, *words;
} meanings[] = {
    {"container", "namespaces, cgroups, seccomp; the host's kernel answers"},
    {"broker", "a host program, less privileged, with a broker process"},
    {"sentry", "a kernel in user space answers the system calls"},
    {"unikernel", "one address space, only what the program needs"},
    {"microvm", "a small virtual machine"},
    {"vm", "a whole PC, from its firmware on"},
    {"wasm", "a WebAssembly module; moat's engine answers the calls of WASI"},
    {"jvm", "a Java program, on a JDK of the host; its class library answers"},
};

static const char *meaning_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (!strcmp(meanings[i].name, name))
            return meanings[i].words;
    }
    return "";
}

int boundary_choose(const char *name, const struct boundary **out, struct err *err)
{
    const struct boundary *b = boundary_find(name ? name : DEFAULT_NAME);
    struct nearest near = {.wanted = name ? name : DEFAULT_NAME};

    if (b) {
        *out = b;
        return 0;
    }
    for (const char *const *n = boundary_names_all; *n; n++) {
        if (!strcmp(*n, near.wanted))
            return err_set(err, -ENOTSUP, "boundary '%s' is " NOT_BUILT ": `moat boundaries` lists those that are", *n);
        nearest_try(&near, *n);
    }
    if (near.best)
        return err_set(err, -EINVAL, "unknown boundary '%s': did you mean '%s'?", near.wanted, near.best);
    return err_set(err, -EINVAL, "unknown boundary '%s': `moat boundaries` lists them", near.wanted);
}

static struct offer offer_of(struct arena *a, const char *name, bool *built)
{
    const struct boundary *b = boundary_find(name);
    struct offer offer = {0};

    *built = b && b->offer;
    if (!*built)
        offer.why_not = NOT_BUILT;
    else if (b->offer(a, &offer) < 0 && !offer.why_not)
        offer.why_not = "this host could not be examined";
    offer.available &= *built;
    return offer;
}

static void put_line(const char *text, unsigned columns)
{
    if (!text || !*text)
        return;
    printf("%*s", NAME_WIDTH + STATE_WIDTH, "");
    term_wrap(text, NAME_WIDTH + STATE_WIDTH, NAME_WIDTH + STATE_WIDTH, columns);
}

static void print_row(const char *name, const struct offer *o, bool built, unsigned columns)
{
    enum term_style style = o->available ? TERM_GOOD : built ? TERM_BAD : TERM_FAINT;

    printf("%s", term_on(TERM_BOLD));
    term_cell(name, NAME_WIDTH);
    printf("%s%s", term_off(), term_on(style));
    term_cell(o->available ? "yes" : built ? "no" : "-", STATE_WIDTH);
    fputs(term_off(), stdout);
    if (!built) { /* one line is enough for what is not there */
        printf("%s: ", o->why_not);
        term_wrap(meaning_of(name), NAME_WIDTH + STATE_WIDTH + (unsigned)strlen(o->why_not) + 2,
                  NAME_WIDTH + STATE_WIDTH, columns);
        return;
    }
    term_wrap(meaning_of(name), NAME_WIDTH + STATE_WIDTH, NAME_WIDTH + STATE_WIDTH, columns);
    if (!o->available) {
        put_line(o->why_not, columns);
        return;
    }
    put_line(o->strength, columns);
    put_line(o->speed, columns);
    put_line(o->details, columns);
}

static void write_row(struct json_writer *w, const char *name, const struct offer *o, bool built)
{
    json_object_begin(w, NULL);
    json_string(w, "name", name);
    json_string(w, "summary", meaning_of(name));
    json_bool(w, "built", built);
    json_bool(w, "available", o->available);
    json_bool(w, "default", !strcmp(name, DEFAULT_NAME));
    if (o->strength)
        json_string(w, "strength", o->strength);
    if (o->speed)
        json_string(w, "speed", o->speed);
    if (o->details)
        json_string(w, "details", o->details);
    if (!o->available)
        json_string(w, "whyNot", o->why_not ? o->why_not : "");
    json_object_end(w);
}

static int print_json(struct arena *a)
{
    struct json_writer w = {.indent = 2};
    struct err err;
    bool built;

    json_array_begin(&w, NULL);
    for (const char *const *n = boundary_names_all; *n; n++) {
        struct offer o = offer_of(a, *n, &built);
        write_row(&w, *n, &o, built);
    }
    json_array_end(&w);
    if (w.failed) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("boundaries", &err);
    }
    puts(w.buf);
    json_writer_free(&w);
    return 0;
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    (void)id, (void)err;
    *(bool *)ctx = !strcmp(value, "true");
    return 0;
}

int cmd_boundaries(int argc, char **argv)
{
    struct arena a;
    struct err err;
    bool json = false, built;
    int operand;

    if (options_parse(boundaries_options, n_boundaries_options, argc, argv, false, &operand, apply, &json, &err) < 0)
        return command_fail("boundaries", &err);
    if (operand < argc) {
        err_set(&err, -EINVAL, "unexpected operand '%s'", argv[operand]);
        return command_fail("boundaries", &err);
    }
    if (arena_init(&a, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("boundaries", &err);
    }
    if (json)
        return print_json(&a);
    unsigned columns = term_columns();
    printf("%s%-*s%-*sWHAT IT IS, HOW STRONG, HOW FAST%s\n", term_on(TERM_BOLD), NAME_WIDTH, "BOUNDARY", STATE_WIDTH,
           "AVAILABLE", term_off());
    for (const char *const *n = boundary_names_all; *n; n++) {
        struct offer o = offer_of(&a, *n, &built);
        print_row(*n, &o, built, columns);
    }
    return 0;
}
