/* SPDX-License-Identifier: Apache-2.0 */
/* `moat system`: the verbs that look after this host's state. One option table for all, so that help shows it; which
 * verb takes which is a column of the table of verbs. */
#include "cli/system.h"

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/sandboxes.h"

#include <errno.h>
#include <string.h>

enum { OPTION_ALL, OPTION_DRY_RUN, OPTION_FORCE, OPTION_FORMAT, OPTION_JSON, OPTION_ROOT, OPTION_VERBOSE };
#define BIT(option) (1u << (option))

const struct option_row system_options[] = {
    {"all", 'a', NULL, "prune: also images that no sandbox uses", OPTION_ALL},
    {"dry-run", 0, NULL, "check: say what is left over, clear nothing", OPTION_DRY_RUN},
    {"force", 'f', NULL, "prune: do not ask", OPTION_FORCE},
    {"format", 0, "FORMAT", "df: json, or a template over {{.Type}}, {{.Size}} ...", OPTION_FORMAT},
    {"json", 0, NULL, "check, df: print one JSON object", OPTION_JSON},
    {"root", 0, "DIR", "check: state directory (default /run/moat)", OPTION_ROOT},
    {"verbose", 'v', NULL, "df: each image and each sandbox", OPTION_VERBOSE},
};
const size_t n_system_options = ARRAY_LEN(system_options);

static const struct {
    const char *name;
    int (*run)(const struct system_options *o);
    unsigned options;
} verbs[] = {
    {"check", system_check, BIT(OPTION_DRY_RUN) | BIT(OPTION_JSON) | BIT(OPTION_ROOT)},
    {"df", system_df, BIT(OPTION_FORMAT) | BIT(OPTION_JSON) | BIT(OPTION_VERBOSE)},
    {"prune", system_prune, BIT(OPTION_ALL) | BIT(OPTION_FORCE)},
};

struct request {
    struct system_options o;
    unsigned given;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct request *q = ctx;
    bool on = !strcmp(value, "true");

    q->given |= BIT(id);
    switch (id) {
    case OPTION_ROOT:
        q->o.root = value;
        break;
    case OPTION_FORMAT:
        q->o.format = value;
        break;
    default:
        *(id == OPTION_ALL       ? &q->o.all
          : id == OPTION_DRY_RUN ? &q->o.dry_run
          : id == OPTION_FORCE   ? &q->o.force
          : id == OPTION_JSON    ? &q->o.json
                                 : &q->o.verbose) = on;
    }
    return 0;
}

int cmd_system(int argc, char **argv)
{
    static struct request q;
    struct err err = {0};
    int at = 1;

    if (options_parse(system_options, n_system_options, argc, argv, false, &at, apply, &q, &err) < 0)
        return command_fail("system", &err);
    for (size_t i = 0; i < ARRAY_LEN(verbs) && argc - at == 1; i++) {
        if (strcmp(argv[at], verbs[i].name))
            continue;
        for (size_t k = 0; k < n_system_options; k++)
            if (q.given & ~verbs[i].options & BIT(system_options[k].id)) {
                err_set(&err, -EINVAL, "%s takes no --%s", verbs[i].name, system_options[k].name);
                return command_fail("system", &err);
            }
        return verbs[i].run(&q.o);
    }
    err_set(&err, -EINVAL, "%s: what can be done here is `moat system check`, `df` or `prune`",
            argc == at ? "no verb given" : argv[argc - at > 1 ? at + 1 : at]);
    return command_fail("system", &err);
}
