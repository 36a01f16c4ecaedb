/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat inspect`: all that is known of sandboxes, as an array of docker's shape, or what a template picks of each. A
 * file that begins as an image of the unikernel is described by moat-pack, shut in; what that says is hostile.
 */
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/listing.h"
#include "cli/sandboxes.h"
#include "cli/unikernel.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_FORMAT, OPTION_JSON, OPTION_SIZE, OPTION_TYPE };

#define IMAGE_MS   60000
#define IMAGE_SAID ((size_t)64 << 20)

const struct option_row inspect_options[] = {
    {"format", 'f', "TEMPLATE", "Print what it picks, as '{{.State.Status}}' or '{{json .Config}}'", OPTION_FORMAT},
    {"json", 0, NULL, "As JSON, which it is without --format", OPTION_JSON},
    {"size", 's', NULL, NULL, OPTION_SIZE},
    {"type", 0, "TYPE", NULL, OPTION_TYPE},
};
const size_t n_inspect_options = ARRAY_LEN(inspect_options);

struct inspect {
    const char *format;
    struct arena arena;
    const struct template *template;
    FILE *out; /* nothing is printed before all is known to be right */
    bool any;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct inspect *o = ctx;

    if (id == OPTION_FORMAT) {
        o->format = strcmp(value, "json") ? value : NULL;
        return 0;
    }
    if (id == OPTION_JSON)
        return 0;
    if (id == OPTION_TYPE && !strcmp(value, "container"))
        return 0;
    return id == OPTION_TYPE
               ? err_set(err, -EINVAL, "--type %s is refused: sandboxes are all that is looked at here", value)
               : err_set(err, -EINVAL, "--size is refused: `moat system df -v` has the sizes");
}

/* What there is of a sandbox, or of a file. */
static int describe_word(struct arena *a, const char *word, struct json_writer *w, struct err *err)
{
    char name[] = "moat-pack", look[] = "inspect";
    char *copy = arena_strdup(a, word), *argv[] = {name, look, copy, NULL}, *text;
    struct json *tree;
    struct sandbox sb;
    size_t length;
    int r;

    if (!strchr(word, '/') || !unikernel_is_image(word)) {
        if ((r = sandboxes_load(&sb, a, word, err)) == 0) {
            describe_sandbox(&sb, w);
            sandboxes_close(&sb);
            return 0;
        }
        if (r != -ENOENT || !unikernel_is_image(word))
            return r == -ENOENT ? err_set(err, r, "No such object: %s", word) : r;
    }
    _cleanup_fd_ int fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_sys(err, -errno, "%s", word);
    if ((r = helper_ask(a, argv, fd, IMAGE_MS, IMAGE_SAID, &text, &length, err)) < 0)
        return r;
    if ((r = json_parse(a, text, length, &tree, err)) < 0)
        return err_wrap(err, "moat-pack said what cannot be read");
    json_value(w, NULL, tree);
    return 0;
}

static int inspect_one(struct inspect *o, const char *word, struct err *err)
{
    struct arena a;
    struct json_writer w = {.indent = o->format ? 0 : 4};
    struct json *tree;
    int r = arena_init(&a, SANDBOXES_ARENA);

    if (r < 0)
        return err_set(err, r, "out of memory");
    if ((r = describe_word(&a, word, &w, err)) == 0) {
        if (o->format) {
            _cleanup_free_ char *text = NULL; /* of this one alone: half a line is not printed */
            size_t len = 0;
            FILE *out = open_memstream(&text, &len);
            r = out ? listing_tree(&a, &w, &tree, err) : err_set(err, -ENOMEM, "out of memory");
            if (r == 0)
                r = template_run(o->template, &a, tree, out, err);
            if (out)
                fclose(out);
            if (r == 0)
                fprintf(o->out, "%s\n", text);
        } else {
            fprintf(o->out, "%s%s", o->any ? ",\n" : "", w.failed ? "null" : w.buf);
        }
        o->any = true;
    }
    json_writer_free(&w);
    arena_free(&a);
    return r;
}

int cmd_inspect(int argc, char **argv)
{
    struct inspect o = {0};
    struct err err = {0};
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int operand, status = 0;

    if (options_parse(inspect_options, n_inspect_options, argc, argv, false, &operand, apply, &o, &err) < 0)
        return command_fail("inspect", &err);
    if (operand == argc)
        return sandboxes_no_operand("inspect");
    if (arena_init(&o.arena, SANDBOXES_ARENA) < 0 || !(o.out = open_memstream(&text, &len))) {
        err_set(&err, -ENOMEM, "out of memory");
        return sandboxes_fail("inspect", &err);
    }
    if (o.format && template_parse(&o.arena, o.format, &o.template, &err) < 0)
        return sandboxes_fail("inspect", &err);
    for (int i = operand; i < argc; i++) {
        struct err bad = {0};
        if (inspect_one(&o, argv[i], &bad) < 0)
            status = sandboxes_fail("inspect", &bad);
    }
    fclose(o.out);
    if (o.format)
        fwrite(text, 1, len, stdout);
    else
        printf(len ? "[\n%.*s\n]\n" : "[%.*s]\n", (int)len, text);
    return status;
}
