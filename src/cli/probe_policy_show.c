/* SPDX-License-Identifier: Apache-2.0 */
/* What `moat probe --policy` prints: a line for each attempt, those that went otherwise once more, and the sum. */
#include "base/json.h"
#include "cli/command.h"
#include "cli/probe_policy.h"
#include "cli/term.h"

#include <stdio.h>
#include <string.h>

#define SAYS_AT   2
#define VERB_AT   15
#define RESULT_AT 36

static const struct {
    const char *name, *mark;
    enum term_style style;
} results[] = {
    [CHECK_AS_SAID] = {"asSaid", " ", TERM_PLAIN},
    [CHECK_OTHERWISE] = {"otherwise", "x", TERM_BAD},
    [CHECK_UNTRIED] = {"untried", "-", TERM_FAINT},
};

/* "quiet" is between us and the attempt; the value of a variable may be a secret. */
static bool is_shown(const struct policy_check *k, size_t i)
{
    return strcmp(k->inside[i], "quiet") != 0 && !(i == 2 && !strcmp(k->inside[0], "environment"));
}

static const char *words_of(struct arena *a, const struct policy_check *k)
{
    const char *text = k->inside[0];

    for (size_t i = 1; text && i < POLICY_WORDS_MAX && k->inside[i]; i++)
        if (is_shown(k, i))
            text = arena_printf(a, "%s %s", text, k->inside[i]);
    return text ? text : "";
}

static const char *says(const struct policy_check *k)
{
    return k->granted ? "granted" : "not granted";
}

/* The verb, and what it was given unless that is a path: the item and what was seen name it. */
static const char *short_words(struct arena *a, const struct policy_check *k)
{
    const char *text = k->inside[0];

    for (size_t i = 1; text && i < POLICY_WORDS_MAX && k->inside[i]; i++)
        if (k->inside[i][0] != '/' && is_shown(k, i) && strcmp(k->inside[0], "environment") != 0)
            text = arena_printf(a, "%s %s", text, k->inside[i]);
    return text ? text : "";
}

static void print_check(const struct policy_check *k, const char *words)
{
    fputs(term_on(results[k->result].style), stdout);
    printf("%s ", results[k->result].mark);
    unsigned at = SAYS_AT + term_cell(says(k), VERB_AT - SAYS_AT);
    at += term_cell(words, RESULT_AT - VERB_AT - 1);
    if (at >= RESULT_AT) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", (int)(RESULT_AT - at), "");
    term_wrap(k->saw ? k->saw : "", RESULT_AT, RESULT_AT, term_columns());
    fputs(term_off(), stdout);
}

/* An item's name once, above its attempts. */
static void print_checks(const struct policy_checks *c, bool all)
{
    const char *above = "";

    for (uint32_t i = 0; i < c->n; i++) {
        const struct policy_check *k = &c->v[i];
        if (!all && k->result != CHECK_OTHERWISE)
            continue;
        if (strcmp(above, k->item) != 0) {
            fputs(term_on(TERM_BOLD), stdout);
            term_wrap(k->item, 0, 4, term_columns());
            fputs(term_off(), stdout);
        }
        above = k->item;
        print_check(k, all ? short_words(c->arena, k) : words_of(c->arena, k));
    }
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
    print_checks(c, true);
    if (count[CHECK_OTHERWISE]) {
        printf("\n%sotherwise than the policy says:%s\n", term_on(TERM_BAD), term_off());
        print_checks(c, false);
    }
    printf("\n%s: %u attempts went as the policy says, %u otherwise (x), %u were not tried (-)\n", c->boundary,
           count[CHECK_AS_SAID], count[CHECK_OTHERWISE], count[CHECK_UNTRIED]);
    return status;
}
