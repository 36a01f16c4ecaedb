/* SPDX-License-Identifier: Apache-2.0 */
/* `moat pause` and `moat unpause`: all processes of a sandbox are frozen and thawed, by its boundary. */
#include "cli/commands.h"
#include "cli/sandboxes.h"

#include <errno.h>

#define LOCK_MS 10000

static int set_paused(struct sandbox *sb, bool paused, struct err *err)
{
    int r = sb->kept ? sandbox_lock(sb, LOCK_MS, err) : 0;

    if (r == -ENOENT)
        err_set(err, r, "No such container: %s", sb->id);
    if (r < 0)
        return r;
    enum sandbox_status s = sandbox_status(sb);
    if (!sandboxes_runs(s))
        return err_set(err, -ESRCH, "container %s is not running", sb->id);
    if (s == SANDBOX_RESTARTING)
        return err_set(err, -EAGAIN, "container %s is restarting, wait until the container is running", sb->id);
    if (paused && s == SANDBOX_PAUSED)
        return err_set(err, -EALREADY, "container %s is already paused", sb->id);
    if (!paused && s != SANDBOX_PAUSED)
        return err_set(err, -EINVAL, "container %s is not paused", sb->id);
    if (!sb->inst.boundary->pause)
        return err_set(err, -ENOTSUP, "container %s: boundary %s cannot pause", sb->id, sb->inst.boundary->name);
    if ((r = sb->inst.boundary->pause(&sb->inst, paused, err)) == 0)
        sandboxes_event(sb, paused ? "pause" : "unpause", NULL, NULL);
    return r;
}

static int pause_one(struct sandbox *sb, void *ctx, struct err *err)
{
    return set_paused(sb, *(bool *)ctx, err);
}

static int command(int argc, char **argv, bool paused)
{
    struct err err = {0};
    int operand;

    if (options_parse(NULL, 0, argc, argv, false, &operand, NULL, NULL, &err) < 0)
        return command_fail(argv[0], &err);
    return sandboxes_each(argv[0], argc, argv, operand, pause_one, &paused, true);
}

int cmd_pause(int argc, char **argv)
{
    return command(argc, argv, true);
}

int cmd_unpause(int argc, char **argv)
{
    return command(argc, argv, false);
}
