/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat vm`: looking at a PC that runs (-b vm), pressing its keys, changing what is in its drives, its two buttons. One
 * command with a word for what to do; all of it is asked of the machine by way of boundary/vm.
 */
#include "cli/vm_cmd.h"
#include "boundary/vm/vm.h"
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_JSON };

const struct option_row vm_options[] = {
    {.name = "json", .help = "text: an object for programs, with the cursor and the mode", .id = OPTION_JSON},
};
const size_t n_vm_options = ARRAY_LEN(vm_options);

const char vm_more[] =
    "What to do\n"
    "  text SANDBOX [--json]                its screen's characters, as lines\n"
    "  screenshot SANDBOX FILE.png          its picture; - writes it to the standard output\n"
    "  type SANDBOX TEXT                    as if typed: \\n Enter, \\t Tab, \\e Escape, \\b Backspace\n"
    "  sendkey SANDBOX KEYS...              ctrl-alt-del, f12, ret, shift-a: one after the other\n"
    "  insert SANDBOX DRIVE FILE[,ro]       into floppy0, floppy1 or cdrom0; what was there is out\n"
    "  eject SANDBOX DRIVE\n"
    "  reset SANDBOX                        its reset button\n"
    "  powerdown SANDBOX                    its power button: the guest shuts down, if it can\n"
    "\n"
    "Examples\n"
    "  moat run -d --name dos -b vm --floppy dos.img\n"
    "  moat vm text dos\n"
    "  moat vm type dos 'dir a:\\n'\n"
    "  moat vm insert dos floppy0 disk2.img\n"
    "  moat vm screenshot dos dos.png\n"
    "  moat stop dos\n"
    "\n"
    "Keys are those of a US keyboard, under the names that QEMU has for them; `moat vm sendkey`\n"
    "with a wrong one lists them. A drive's file is opened with the rights of who inserts it,\n"
    "and is one machine's unless all that have it only read it.\n";

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct vm_request *q = ctx;

    (void)id;
    (void)err;
    q->json = !strcmp(value, "true");
    return 0;
}

static int reset(struct vm_request *q, struct err *err)
{
    return vm_machine(&q->sb.inst, CONTROL_MACHINE_RESET, err);
}

static int power_down(struct vm_request *q, struct err *err)
{
    return vm_machine(&q->sb.inst, CONTROL_MACHINE_POWER_BUTTON, err);
}

static const struct action {
    const char *name, *usage; /* what stands behind the sandbox */
    int least, most;          /* of its operands */
    int (*act)(struct vm_request *q, struct err *err);
} actions[] = {
    {"text", "[--json]", 0, 0, vm_text},
    {"screenshot", "FILE.png", 1, 1, vm_screenshot},
    {"type", "TEXT", 1, 1, vm_type},
    {"sendkey", "KEYS...", 1, 256, vm_sendkey},
    {"insert", "floppy0|floppy1|cdrom0 FILE[,ro]", 2, 2, vm_change},
    {"eject", "floppy0|floppy1|cdrom0", 1, 1, vm_empty},
    {"reset", "", 0, 0, reset},
    {"powerdown", "", 0, 0, power_down},
};

static const struct action *find_action(const char *word, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (word && !strcmp(word, actions[i].name))
            return &actions[i];
    err_set(err, -EINVAL, "%s%s%stext, screenshot, type, sendkey, insert, eject, reset or powerdown",
            word ? "'" : "say what to do: ", word ? word : "", word ? "' is nothing it does: " : "");
    return NULL;
}

static int check(struct sandbox *sb, struct err *err)
{
    const char *boundary = sb->inst.boundary->name;
    const enum sandbox_status s = sandbox_status(sb);

    if (strcmp(boundary, "vm"))
        return err_set(err, -EINVAL, "sandbox %s is behind -b %s: moat vm is about -b vm", sb->id, boundary);
    if (s == SANDBOX_PAUSED)
        return err_set(err, -EINVAL, "sandbox %s is paused: moat unpause %s", sb->id, sb->id);
    if (s != SANDBOX_RUNNING)
        return err_set(err, -ESRCH, "sandbox %s is not running: moat start %s", sb->id, sb->id);
    return 0;
}

static int act(struct vm_request *q, const struct action *a, int n, char **operand, struct err *err)
{
    if (n < 1 + a->least || n > 1 + a->most)
        return err_set(err, -EINVAL, "%s: moat vm %s SANDBOX%s%s",
                       n < 1 + a->least ? "something is missing" : "too much", a->name, *a->usage ? " " : "", a->usage);
    int r = sandboxes_load(&q->sb, &q->arena, operand[0], err);
    if (r < 0)
        return r;
    q->operands = operand + 1;
    q->n_operands = n - 1;
    if ((r = check(&q->sb, err)) == 0)
        r = a->act(q, err);
    sandboxes_close(&q->sb);
    return r;
}

int cmd_vm(int argc, char **argv)
{
    static struct vm_request q;
    static struct err err;
    const struct action *a = NULL;
    int at = 1;

    if (arena_init(&q.arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(vm_options, n_vm_options, argc, argv, false, &at, apply, &q, &err) < 0 ||
        !(a = find_action(argv[at], &err)))
        return command_fail("vm", &err);
    return act(&q, a, argc - at - 1, argv + at + 1, &err) < 0 ? sandboxes_fail("vm", &err) : 0;
}
