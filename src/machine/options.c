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

/* PATH or PATH,ro */
static const char *take_file(struct options_disk *d, const char *text)
{
    static const char read_only[] = ",ro";
    const size_t all = strlen(text), suffix = sizeof read_only - 1;
    size_t n = all;

    d->read_only = all > suffix && !strcmp(text + all - suffix, read_only);
    if (d->read_only)
        n -= suffix;
    if (n == 0 || n >= sizeof d->path)
        return "takes PATH or PATH,ro";
    memcpy(d->path, text, n);
    d->path[n] = 0;
    return NULL;
}

static const char *take_disk(struct vmm_options *o, const char *text)
{
    return o->n_disks == OPTIONS_DISKS ? "is there more than eight times" : take_file(&o->disks[o->n_disks++], text);
}

static const char *take_floppy(struct vmm_options *o, const char *text)
{
    if (o->n_floppies == OPTIONS_FLOPPIES)
        return "is there more than twice: there are drives A and B";
    o->n_floppies++;
    return strcmp(text, "none") ? take_file(&o->floppies[o->n_floppies - 1], text) : NULL;
}

static const char *take_boot(struct vmm_options *o, const char *text)
{
    o->boot = text;
    return *text && strlen(text) <= 3 && strspn(text, "acd") == strlen(text)
               ? NULL
               : "takes up to three letters of a (floppy), c (disk) and d (CD-ROM), the first of them first";
}

/* What a PC alone has. */
static const char *take_pc(struct vmm_options *o, enum option option, const char *value)
{
    switch (option) {
    case OPTION_FIRMWARE:
        o->firmware = value;
        return *value ? NULL : "takes a file";
    case OPTION_DISPLAY_FIRMWARE:
        o->display_firmware = value;
        return *value ? NULL : "takes a file";
    case OPTION_BOOT:
        return take_boot(o, value);
    case OPTION_FLOPPY:
        return take_floppy(o, value);
    case OPTION_CDROM:
        return take_file(&o->cdrom, value);
    default:
        return take_file(&o->hda, value);
    }
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
    static const char *const machines[] = {"micro", "kut", "pc", NULL}, *const accels[] = {"auto", "kvm", "soft", NULL},
                             *const consoles[] = {"serial", "stderr", "virtio", "display", "none", NULL};
    int i;

    switch (option) {
    case OPTION_MACHINE:
        i = choose(value, machines);
        o->kut = i == 1, o->pc = i == 2;
        return i < 0 ? "takes micro, kut or pc" : NULL;
    case OPTION_ACCEL:
        o->accel = value;
        return choose(value, accels) < 0 ? "takes auto, kvm or soft" : NULL;
    default:
        i = choose(value, consoles);
        o->console = i < 0 ? CONSOLE_DEFAULT : (enum options_console)(i + CONSOLE_SERIAL);
        return i < 0 ? "takes serial, stderr, virtio, display or none" : NULL;
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
    case OPTION_FIRMWARE:
    case OPTION_DISPLAY_FIRMWARE:
    case OPTION_BOOT:
    case OPTION_FLOPPY:
    case OPTION_CDROM:
    case OPTION_HDA:
        return take_pc(o, option, value);
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

/* Are they about one machine? */
static int check(const struct vmm_options *o, const char **why, const char **word)
{
    const bool of_pc = o->firmware || o->display_firmware || o->boot || o->n_floppies || *o->cdrom.path ||
                       *o->hda.path || o->console == CONSOLE_DISPLAY;

    *word = "usage";
    if (!o->kernel && !o->restore && !o->rates && !o->firmware) {
        *why = "moat-vmm --kernel FILE [--initrd FILE]... [--append TEXT] [--memory BYTES] [--disk PATH]..., or "
               "--machine pc --firmware FILE [--floppy PATH]... [--cdrom PATH] [--hda PATH]";
        return -EINVAL;
    }
    if (of_pc && !o->pc && !o->restore) {
        *why = "firmware, floppies, CD-ROM, --hda, --boot and a display are a PC's: --machine pc";
        return -EINVAL;
    }
    if (o->firmware && (o->kernel || o->n_disks || o->tap || o->tap_fd >= 0 || o->n_runs || o->n_program)) {
        *why = "a PC with firmware boots what is on its disks: it has no kernel, virtio disk, network card or program";
        return -EINVAL;
    }
    return 0;
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
    return check(o, why, word);
}
