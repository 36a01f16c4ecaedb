/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the tests: `host SCENARIO spawn|zygote WORKER` does one thing with targets and says on one line what went
 * wrong; silence and status 0 are success. `host list` names the scenarios. tests/cli/libmoat.bats runs each, as root
 * and as somebody.
 */
#include "host.h"

#include <dirent.h>

struct moat_error said;
bool by_zygote;
struct moat_zygote *zygote;
static const char *worker;

struct moat_target_options options(void)
{
    static const char *argv[3];

    argv[0] = "worker";
    argv[1] = by_zygote ? "zygote" : NULL;
    return (struct moat_target_options){.path = worker,
                                        .argv = argv,
                                        .methods = methods,
                                        .n_methods = METHODS,
                                        .memory = getenv("MOAT_TEST_SANITIZED") ? UINT64_MAX : 0,
                                        .keep_stderr = getenv("MOAT_TEST_STDERR") != NULL,
                                        .restarts = 15};
}

struct moat_target *start_with(const struct moat_target_options *o)
{
    struct moat_target *t;

    if (by_zygote && !zygote)
        IS(moat_zygote_start(o, &zygote, &said), 0);
    IS(by_zygote ? moat_zygote_spawn(zygote, &t, &said) : moat_target_spawn(o, &t, &said), 0);
    return t;
}

struct moat_target *start(void)
{
    struct moat_target_options o = options();

    return start_with(&o);
}

int ask(struct moat_target *t, uint32_t method, const void *request, size_t size, void *reply, size_t max)
{
    struct moat_call c = {.method = method, .request = request, .request_size = size, .reply = reply, .reply_max = max};

    if (moat_call(t, &c, &said) < 0)
        FAIL("method %s", methods[method].name);
    return c.result;
}

int ask_int(struct moat_target *t, uint32_t method)
{
    int value = -1;

    IS(ask(t, method, NULL, 0, &value, sizeof value), 0);
    return value;
}

int let_it_end(struct moat_target *t, int way, int deadline_ms)
{
    struct moat_call c = {.method = END, .request = &way, .request_size = sizeof way, .deadline_ms = deadline_ms};

    return moat_call(t, &c, &said);
}

int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static const struct scenario *const tables[] = {call_scenarios, end_scenarios, wall_scenarios, shared_scenarios,
                                                zygote_scenarios};
#define TABLES (sizeof tables / sizeof *tables)

static int list(void)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct scenario *s = tables[i]; s->name; s++)
            for (int how = SPAWN; how <= ZYGOTE; how++)
                if (s->how & how && !(s->how & HIDDEN))
                    printf("%s %s\n", s->name, how == SPAWN ? "spawn" : "zygote");
    return 0;
}

/* host list | host SCENARIO spawn|zygote WORKER */
int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "list"))
        return list();
    for (size_t i = 0; argc == 4 && i < TABLES; i++)
        for (const struct scenario *s = tables[i]; s->name; s++) {
            if (strcmp(argv[1], s->name))
                continue;
            by_zygote = !strcmp(argv[2], "zygote");
            worker = argv[3];
            s->run();
            moat_zygote_free(zygote);
            return 0;
        }
    fprintf(stderr, "host: list | SCENARIO spawn|zygote WORKER\n");
    return 2;
}
