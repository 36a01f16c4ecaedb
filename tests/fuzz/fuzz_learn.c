/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses: an event, the beginning of a program, or a host with uses, each a line. Of the last the rules
 * are made, and what was used must be given by them: a file that is neither the run's own nor in a place of nobody, and
 * that a walk inside finds, has a rule with the access that was used. */
#include "base/pathtext.h"
#include "learn/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 64

static struct learn_use *used[LINES_MAX];
static unsigned n_used;

static void add_look(struct learn *l, char *path)
{
    char *target = strchr(path, ' ');
    size_t n = strlen(path);
    enum learn_kind kind = LEARN_FILE;

    if (target) {
        *target++ = '\0';
        kind = LEARN_LINK;
    } else if (n > 1 && path[n - 1] == '/') {
        path[n - 1] = '\0';
        kind = LEARN_DIRECTORY;
    }
    if (*path != '/' || (target && !*target))
        return;
    char clean[LEARN_PATH_SIZE];
    if (learn_path_clean(path, clean) == 0)
        learn_look(l, clean, kind, target);
}

/* "rwxKLMG /path" */
static void add_use(struct learn *l, char *line)
{
    uint32_t access = 0, how = 0;

    for (; *line && *line != ' '; line++) {
        access |= *line == 'r' ? PATH_READ : *line == 'w' ? PATH_WRITE : *line == 'x' ? PATH_EXECUTE : 0;
        how |= *line == 'K'   ? LEARN_KEPT
               : *line == 'L' ? LEARN_LISTED | LEARN_FOLLOWED
               : *line == 'M' ? LEARN_MADE
               : *line == 'G' ? LEARN_GONE
                              : LEARN_FOLLOWED;
    }
    if (!*line)
        return;
    struct learn_use *use = learn_use(l, line + 1, access, how);
    if (use && how & LEARN_MADE) {
        struct learn_spot s;
        if (learn_walk_host(l, use->asked, false, &s) == 0 && !s.node) {
            struct learn_node *node = learn_look(l, s.real, LEARN_FILE, NULL);
            if (node)
                node->made = true;
        }
    }
    if (use && n_used < LINES_MAX)
        used[n_used++] = use;
}

static const struct learn_rule *rule_of(const struct learn *l, const char *path)
{
    const struct learn_rule *best = NULL;

    for (uint32_t i = 0; i < l->n_rules; i++)
        if (path_lies_in(path, l->rules[i].path) && (!best || strlen(l->rules[i].path) > strlen(best->path)))
            best = &l->rules[i];
    return best;
}

static void check_rules(struct learn *l)
{
    char clean[LEARN_PATH_SIZE];

    for (uint32_t i = 0; i < l->n_rules; i++) {
        if (learn_path_clean(l->rules[i].path, clean) < 0 || strcmp(clean, l->rules[i].path) != 0)
            abort();
        if (i && strcmp(l->rules[i - 1].path, l->rules[i].path) >= 0) {
            fprintf(stderr, "twice: %s\n", l->rules[i].path);
            abort();
        }
    }
    for (unsigned i = 0; i < n_used; i++) {
        struct learn_spot s;
        if (!(used[i]->how & LEARN_FOLLOWED) || learn_walk_inside(l, used[i]->asked, true, &s) < 0 || !s.node ||
            s.made || s.node->kind != LEARN_FILE || learn_path_is_given(s.guest))
            continue;
        const struct learn_rule *rule = rule_of(l, s.guest);
        if (!rule || used[i]->access & ~(rule->access | PATH_STAT)) {
            fprintf(stderr, "%s leads to %s, and the rule is %s (%x for %x)\n", used[i]->asked, s.guest,
                    rule ? rule->path : "none", rule ? rule->access : 0, used[i]->access);
            abort();
        }
    }
}

static void learn_world(const uint8_t *data, size_t size, struct arena *a)
{
    static const char *const argv[] = {"prog", "/tmp/named", NULL};
    const struct learn_story story = {"prog", "exit status 0", 1};
    struct err err = {0};
    struct learn l;
    char *text = malloc(size + 1), *save = NULL;
    unsigned lines = 0;

    if (!text || learn_init(&l, a, "/home/u/work", argv, &err) < 0)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    n_used = 0;
    for (char *line = strtok_r(text, "\n", &save); line && lines < LINES_MAX;
         line = strtok_r(NULL, "\n", &save), lines++) {
        if (*line == '/')
            add_look(&l, line);
        else
            add_use(&l, line);
    }
    if (learn_rules(&l, &err) == 0) {
        check_rules(&l);
        free(learn_write(&l, &story));
    } else if (!err.text[0]) {
        abort();
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct learn_image image;
    struct learn_event event;
    struct err err = {0};
    struct arena a;

    if (size < 1 || size > 8192 || arena_init(&a, 256 << 20) < 0)
        return 0;
    char *copy = malloc(size); /* as many bytes as there are, and one for the parser's NUL */
    if (!copy)
        abort();
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = '\0';
    if (*data == 'e')
        learn_event_read(&a, copy, size - 1, &event, &err);
    else if (*data == 'i')
        learn_image_read(copy, size - 1, &image);
    else
        learn_world(data + 1, size - 1, &a);
    free(copy);
    arena_free(&a);
    return 0;
}
