/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat pack` and `moat build`: the command line is checked here, and libexec/moat-pack (src/unikernel) takes this
 * process's place. Touches nothing itself.
 */
#include "cli/commands.h"
#include "cli/unikernel.h"
#include "host/helper.h"
#include "policy/flags.h"
#include "policy/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_SIZE (16u << 20)

enum {
    OPTION_ADD,
    OPTION_CMD,
    OPTION_ENV,
    OPTION_JIT,
    OPTION_MEMORY,
    OPTION_OUTPUT,
    OPTION_QUIET,
    OPTION_TRACE,
    OPTION_UNIKERNEL,
    OPTION_WORKDIR,
    OPTION_FLAGS
};

#define COMMON_ROWS                                                                                                    \
    {"output", 'o', "FILE", "The image that is written (needed)", OPTION_OUTPUT},                                      \
        {"add", 0, "PATH", "Add a file or directory, at its own place; HOST::GUEST: at another", OPTION_ADD},          \
        {"env", 'e', "KEY=VALUE", "Set an environment variable", OPTION_ENV},                                          \
        {"cmd", 0, "ARGS", "Arguments when it is run without any, in one string", OPTION_CMD},                         \
        {"workdir", 'w', "DIR", "Working directory inside", OPTION_WORKDIR},                                           \
        {"memory", 'm', "BYTES", "Memory when it is run without a limit", OPTION_MEMORY},                              \
        {"jit", 0, NULL, "It makes code of its own while it runs", OPTION_JIT},                                        \
    {                                                                                                                  \
        "quiet", 'q', NULL, "No progress, and no sizes", OPTION_QUIET                                                  \
    }

const struct option_row pack_options[] = {
    COMMON_ROWS,
    {"trace", 0, "COMMAND", "Run this once, and add the files that PROGRAM uses in it", OPTION_TRACE},
};
const size_t n_pack_options = ARRAY_LEN(pack_options);

const struct option_row build_options[] = {
    {"unikernel", 0, NULL, "As an image of the unikernel (needed: there is no other kind yet)", OPTION_UNIKERNEL},
    COMMON_ROWS,
    {"cflags", 0, "FLAGS", "Flags for the compiler, in one string", OPTION_FLAGS},
};
const size_t n_build_options = ARRAY_LEN(build_options);

struct pack {
    struct arena arena;
    struct strv argv;  /* of moat-pack */
    struct strv words; /* --cmd */
    bool unikernel, output;
};

static int put(struct pack *p, const char *word, const char *value, struct err *err)
{
    return policy_strv_push(&p->arena, &p->argv, word) < 0 ||
                   (value && policy_strv_push(&p->arena, &p->argv, value) < 0)
               ? policy_no_memory(err)
               : 0;
}

/* ---- words in one string ------------------------------------------------------------------------------------------
 */

/* One word, as a shell reads it, without expansion of any kind; *text moves on. 1, 0: no more, -EINVAL: an open quote.
 */
static int next_word(const char **text, char *word)
{
    const char *c = *text + strspn(*text, " \t\n");
    char quote = 0;

    if (!*c)
        return 0;
    for (; *c && (quote || !strchr(" \t\n", *c)); c++) {
        if (quote ? *c == quote : *c == '\'' || *c == '"')
            quote = quote ? 0 : *c;
        else if (*c == '\\' && quote != '\'' && c[1] && (!quote || strchr("\"\\", c[1])))
            *word++ = *++c;
        else
            *word++ = *c;
    }
    *word = 0;
    *text = c;
    return quote ? -EINVAL : 1;
}

int words_split(struct arena *a, const char *text, const char *said_by, struct strv *out, struct err *err)
{
    int r;

    for (;;) {
        char *word = arena_alloc(a, strlen(text) + 1);
        if (!word)
            return policy_no_memory(err);
        if ((r = next_word(&text, word)) <= 0)
            return r < 0 ? err_set(err, r, "%s: a quote is not closed", said_by) : 0;
        if (policy_strv_push(a, out, word) < 0)
            return policy_no_memory(err);
    }
}

/* ---- options ------------------------------------------------------------------------------------------------------
 */

static int put_env(struct pack *p, const char *value, struct err *err)
{
    const char *equals = strchr(value, '='), *own = equals ? NULL : getenv(value);

    if (!*value || *value == '=')
        return err_set(err, -EINVAL, "--env %s: KEY=VALUE, or the name of a variable of this environment", value);
    if (!equals && !own)
        return 0; /* as docker does */
    const char *entry = equals ? value : arena_printf(&p->arena, "%s=%s", value, own);
    return entry ? put(p, "--env", entry, err) : policy_no_memory(err);
}

static int put_memory(struct pack *p, const char *value, struct err *err)
{
    int64_t bytes;

    if (flag_parse_size(value, &bytes) < 0 || bytes < (1 << 20))
        return err_set(err, -EINVAL, "--memory %s: a size like 64m, of at least 1m", value);
    const char *text = arena_printf(&p->arena, "%" PRId64, bytes);
    return text ? put(p, "--memory", text, err) : policy_no_memory(err);
}

static int put_flags(struct pack *p, const char *value, struct err *err)
{
    struct strv flags = {0};
    int r = words_split(&p->arena, value, "--cflags", &flags, err);

    for (uint32_t i = 0; i < flags.n && r == 0; i++)
        r = put(p, "--cflags", flags.v[i], err);
    return r;
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    static const char *const plain[] = {
        [OPTION_ADD] = "--add", [OPTION_OUTPUT] = "--output", [OPTION_TRACE] = "--trace", [OPTION_WORKDIR] = "--cwd"};
    struct pack *p = ctx;

    switch (id) {
    case OPTION_CMD:
        return words_split(&p->arena, value, "--cmd", &p->words, err);
    case OPTION_FLAGS:
        return put_flags(p, value, err);
    case OPTION_ENV:
        return put_env(p, value, err);
    case OPTION_JIT:
        return strcmp(value, "true") ? 0 : put(p, "--jit", NULL, err);
    case OPTION_QUIET:
        return strcmp(value, "true") ? 0 : put(p, "--quiet", NULL, err);
    case OPTION_MEMORY:
        return put_memory(p, value, err);
    case OPTION_UNIKERNEL:
        p->unikernel = !strcmp(value, "true");
        return 0;
    case OPTION_WORKDIR:
        if (*value != '/')
            return err_set(err, -EINVAL, "--workdir %s: it has to begin with /", value);
        break;
    case OPTION_OUTPUT:
        p->output = true;
        break;
    default:
        break;
    }
    return *value ? put(p, plain[id], value, err) : err_set(err, -EINVAL, "%s needs a value", plain[id]);
}

/* ---- the whole -----------------------------------------------------------------------------------------------------
 */

static int start(struct pack *p, struct err *err)
{
    const char *path;
    int r = libexec_find(&p->arena, "moat-pack", &path, err);

    if (r < 0)
        return r;
    if (p->words.n && (r = put(p, "--", NULL, err)) < 0)
        return r;
    for (uint32_t i = 0; i < p->words.n; i++)
        if ((r = put(p, p->words.v[i], NULL, err)) < 0)
            return r;
    fflush(stdout);
    execv(path, p->argv.v);
    return err_sys(err, -errno, "start %s", path);
}

static int prepare(struct pack *p, int argc, char **argv, struct err *err)
{
    const bool build = !strcmp(argv[0], "build");
    int operand, r;

    if (arena_init(&p->arena, ARENA_SIZE) < 0)
        return policy_no_memory(err);
    if ((r = put(p, "moat-pack", argv[0], err)) < 0 ||
        (r = options_parse(build ? build_options : pack_options, build ? n_build_options : n_pack_options, argc, argv,
                           false, &operand, apply, p, err)) < 0)
        return r;
    if (build && !p->unikernel)
        return err_set(err, -EINVAL,
                       "say --unikernel, which is what is built here; an image of a Dockerfile: build it with a "
                       "tool of your choice, and moat import oci:DIR NAME");
    if (operand == argc)
        return err_set(err, -EINVAL,
                       build ? "name C files: moat build --unikernel SRC... -o FILE"
                             : "name a program: moat pack PROGRAM -o FILE");
    if (!build && argc - operand > 1)
        return err_set(err, -EINVAL, "%s: one program is packed; its arguments go into --cmd", argv[operand + 1]);
    if (!p->output)
        return err_set(err, -EINVAL, "say where to: -o FILE");
    for (int i = operand; i < argc; i++)
        if ((r = put(p, build ? "--source" : "--program", argv[i], err)) < 0)
            return r;
    return start(p, err);
}

/* Both commands: argv[0] says which. */
int cmd_pack(int argc, char **argv)
{
    static struct pack p;
    struct err err = {0};

    prepare(&p, argc, argv, &err);
    return command_fail(argv[0], &err);
}
