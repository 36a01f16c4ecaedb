/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat probe --policy` prints: a line for each attempt, those that went otherwise once more, and the sum. */
#include "base/json.h"
#include "cli/command.h"
#include "cli/probe_policy.h"
#include "cli/term.h"

#include <stdio.h>
#include <string.h>

#define ITEM_WIDTH    30
#define ATTEMPT_WIDTH 40

static const struct {
    const char *name, *mark;
    enum term_style style;
} results[] = {
    [CHECK_AS_SAID] = {"asSaid", " ", TERM_PLAIN},
    [CHECK_OTHERWISE] = {"otherwise", "x", TERM_BAD},
    [CHECK_UNTRIED] = {"untried", "-", TERM_FAINT},
};

static const char *words_of(struct arena *a, const struct policy_check *k)
{
    const char *text = k->inside[0];

    for (size_t i = 1; text && i < POLICY_WORDS_MAX && k->inside[i]; i++)
        text = arena_printf(a, "%s %s", text, k->inside[i]);
    return text ? text : "";
}

static const char *says(const struct policy_check *k)
{
    return k->granted ? "granted" : "not granted";
}

static void print_check(struct arena *a, const struct policy_check *k)
{
    printf("%s%s ", term_on(results[k->result].style), results[k->result].mark);
    unsigned at = 2 + term_cell(k->item, ITEM_WIDTH);
    at += term_cell(" ", 1) + term_cell(says(k), 12);
    term_wrap(words_of(a, k), at, at, term_columns());
    printf("%*s", 4, "");
    term_wrap(k->saw ? k->saw : "", 4, 4, term_columns());
    fputs(term_off(), stdout);
}

static int print_json(const struct policy_checks *c, const unsigned count[], struct err *err)
{
    struct json_writer w = {.indent = 2};

    json_object_begin(&w, NULL);
    json_string(&w, "boundary", c->boundary);
    json_bool(&w, "passed", !count[CHECK_OTHERWISE]);
    json_object_begin(&w, "counts");
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        json_uint(&w, results[i].name, count[i]);
    json_object_end(&w);
    json_array_begin(&w, "attempts");
    for (uint32_t i = 0; i < c->n; i++) {
        const struct policy_check *k = &c->v[i];
        json_object_begin(&w, NULL);
        json_string(&w, "item", k->item);
        json_string(&w, "attempt", words_of(c->arena, k));
        json_bool(&w, "granted", k->granted);
        json_string(&w, "result", results[k->result].name);
        json_string(&w, "saw", k->saw ? k->saw : "");
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

int probe_policy_show(const struct policy_checks *c, bool json, struct err *err)
{
    unsigned count[ARRAY_LEN(results)] = {0};

    for (uint32_t i = 0; i < c->n; i++)
        count[c->v[i].result]++;
    const int status = count[CHECK_OTHERWISE] ? 1 : 0;
    if (json) {
        int r = print_json(c, count, err);
        return r < 0 ? r : status;
    }
    printf("%s  %-*s POLICY SAYS ATTEMPT%s\n", term_on(TERM_BOLD), ITEM_WIDTH, "ITEM", term_off());
    for (uint32_t i = 0; i < c->n; i++)
        print_check(c->arena, &c->v[i]);
    if (count[CHECK_OTHERWISE]) {
        printf("\n%sotherwise than the policy says%s\n", term_on(TERM_BAD), term_off());
        for (uint32_t i = 0; i < c->n; i++)
            if (c->v[i].result == CHECK_OTHERWISE)
                print_check(c->arena, &c->v[i]);
    }
    printf("\n%s: %u attempts went as the policy says, %u otherwise (x), %u were not tried (-)\n", c->boundary,
           count[CHECK_AS_SAID], count[CHECK_OTHERWISE], count[CHECK_UNTRIED]);
    return status;
}
