/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "machine/options.h"

#include "base/option_word.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum option {
#define OPTION(id, word, value) OPTION_##id,
#include "machine/options.def"
#undef OPTION
    OPTIONS
};

static const struct option_word rows[] = {
#define OPTION(id, word, value) {word, OPTION_VALUE_##value},
#include "machine/options.def"
#undef OPTION
};

/* The place of a word in a list that ends with NULL; -1. */
static int choose(const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(text, words[i]))
            return i;
    return -1;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

    return c && at ? (int)(at - digits) : -1;
}

static const char *take_mac(struct vmm_options *o, const char *text)
{
    static const char why[] = "takes six bytes of a station's address, as in 02:00:00:00:00:01";

    for (int i = 0; i < 6; i++, text += 3) {
        const int high = hex(text[0]), low = high < 0 ? -1 : hex(text[1]);
        if (low < 0 || text[2] != (i < 5 ? ':' : 0))
            return why;
        o->mac[i] = (uint8_t)(high << 4 | low);
        if (i == 5)
            break;
    }
    return o->mac[0] & 1 ? "takes the address of one station, not of a group" : NULL;
}

static const char *take_disk(struct vmm_options *o, const char *text)
{
    static const char read_only[] = ",ro";
    const size_t all = strlen(text), suffix = sizeof read_only - 1;
    struct options_disk *d = &o->disks[o->n_disks];
    size_t n = all;

    if (o->n_disks == OPTIONS_DISKS)
        return "is there more than eight times";
    d->read_only = all > suffix && !strcmp(text + all - suffix, read_only);
    if (d->read_only)
        n -= suffix;
    if (n == 0 || n >= sizeof d->path)
        return "takes PATH or PATH,ro";
    memcpy(d->path, text, n);
    d->path[n] = 0;
    o->n_disks++;
    return NULL;
}

static const char *take_descriptor(int *fd, const char *value)
{
    uint64_t n;

    if (!option_word_number(value, 1u << 20, &n))
        return "takes the number of a descriptor";
    *fd = (int)n;
    return NULL;
}

static const char *take_choice(struct vmm_options *o, enum option option, const char *value)
{
    static const char *const machines[] = {"micro", "kut", NULL}, *const accels[] = {"auto", "kvm", "soft", NULL},
                             *const consoles[] = {"serial", "stderr", "virtio", "none", NULL};
    int i;

    switch (option) {
    case OPTION_MACHINE:
        i = choose(value, machines);
        o->kut = i == 1;
        return i < 0 ? "takes micro or kut" : NULL;
    case OPTION_ACCEL:
        o->accel = value;
        return choose(value, accels) < 0 ? "takes auto, kvm or soft" : NULL;
    default:
        i = choose(value, consoles);
        o->console = i < 0 ? CONSOLE_DEFAULT : (enum options_console)(i + CONSOLE_SERIAL);
        return i < 0 ? "takes serial, stderr, virtio or none" : NULL;
    }
}

static const char *take_many(struct vmm_options *o, enum option option, char *value)
{
    if (option == OPTION_DISK)
        return take_disk(o, value);
    if (option == OPTION_INITRD) {
        if (o->n_initrds == OPTIONS_INITRDS)
            return "is there more than eight times";
        o->initrds[o->n_initrds++] = value;
        return NULL;
    }
    if (o->n_runs == OPTIONS_RUNS)
        return "is there too often";
    o->runs[o->n_runs++] = value;
    return NULL;
}

static const char *apply(struct vmm_options *o, enum option option, char *value)
{
    switch (option) {
    case OPTION_KERNEL:
        o->kernel = value;
        return *value ? NULL : "takes a file";
    case OPTION_APPEND:
        o->append = value;
        return NULL;
    case OPTION_CPU:
        o->cpu = value;
        return NULL;
    case OPTION_MEMORY:
        return option_word_number(value, UINT64_MAX / 2, &o->memory) && o->memory ? NULL : "takes a number of bytes";
    case OPTION_MACHINE:
    case OPTION_ACCEL:
    case OPTION_CONSOLE:
        return take_choice(o, option, value);
    case OPTION_INITRD:
    case OPTION_DISK:
    case OPTION_RUN:
        return take_many(o, option, value);
    case OPTION_TAP:
        o->tap = value;
        return *value ? NULL : "takes the name of a tap device";
    case OPTION_TAP_FD:
        return take_descriptor(&o->tap_fd, value);
    case OPTION_CONTROL:
        return take_descriptor(&o->control_fd, value);
    case OPTION_MAC:
        return take_mac(o, value);
    case OPTION_CHANNEL:
        o->channel = true;
        return NULL;
    case OPTION_RESTORE:
        o->restore = value;
        return *value ? NULL : "takes a file";
    case OPTION_RATES:
        o->rates = true;
        return NULL;
    case OPTION_DEBUG:
        o->debug = true;
        return NULL;
    default:
        return "is no option";
    }
}

int vmm_options_parse(int argc, char **argv, struct vmm_options *o, const char **why, const char **word)
{
    memset(o, 0, sizeof *o);
    *o = (struct vmm_options){
        .append = "", .accel = "auto", .tap_fd = -1, .control_fd = -1, .mac = {0x02, 'm', 'o', 'a', 't', 1}};
    for (int at = 1; at < argc && !o->program;) {
        char *value;
        *word = argv[at];
        const int row = option_word_next(rows, OPTIONS, argv, &at, &value);
        if (row == OPTION_PROGRAM)
            o->program = argv + at - 1, o->n_program = (unsigned)(argc - at + 1), o->channel = true;
        else if ((*why = row < 0 ? "wants a value" : apply(o, (enum option)row, value)))
            return -EINVAL;
    }
    if (!o->kernel && !o->restore && !o->rates) {
        *word = "usage",
        *why = "moat-vmm --kernel FILE [--initrd FILE]... [--append TEXT] [--memory BYTES] [--disk PATH]...";
        return -EINVAL;
    }
    return 0;
}
