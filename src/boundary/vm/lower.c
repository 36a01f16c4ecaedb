/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a PC: the walls and rows that a microVM has too, and a row for each of its drives, read back from the
 * command line of moat-vmm, since that is what is executed. Pure.
 */
#include "boundary/vm/lower.h"
#include "base/mem.h"
#include "boundary/microvm/lower.h"
#include "boundary/microvm/words.h"

#include <string.h>

#define MACHINE "the machine (src/machine)"
#define FILE_OF "; the file is the I/O process's"

static const struct row {
    const char *word, *item, *mechanism;
} rows[] = {
    {"--floppy", "floppy", MACHINE ": a floppy controller" FILE_OF},
    {"--cdrom", "CD-ROM", MACHINE ": ATAPI" FILE_OF ", which never writes it"},
    {"--hda", "hard disk", MACHINE ": an IDE controller" FILE_OF},
    {"--firmware", "firmware", MACHINE ": ROM; the guest cannot change it"},
    {"--display-firmware", "display's firmware", MACHINE ": copied by the firmware into the guest's memory"},
};

static const char *value_of(const struct policy *p, struct arena *a, const char *value)
{
    const char *file = microvm_word_file(p, value), *comma = strchr(value, ',');

    return comma ? arena_printf(a, "%s, read-only", file) : !strcmp(value, "none") ? "empty" : file;
}

static int say_words(const struct policy *p, struct lowering *l)
{
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while ((word = microvm_next_word(&p->process.argv, &at, &value)) && r == 0)
        for (size_t i = 0; i < ARRAY_LEN(rows) && r == 0 && value; i++)
            if (!strcmp(word, rows[i].word)) {
                const char *text = value_of(p, l->arena, value);
                r = text ? lowering_add(l, LOWER_ENFORCED, rows[i].item, text, rows[i].mechanism, NULL) : -1;
            }
    return r;
}

int vm_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    const bool kernel = microvm_word_value(&p->process.argv, "--kernel") != NULL;
    int r = kernel ? microvm_lower(p, out, err) : microvm_lower_engine(p, out, err);

    if (r < 0)
        return r;
    r = say_words(p, out);
    if (!kernel)
        lowering_instead(out, "root file system", "what is on its disks", "the guest's own programs");
    if (r == 0 && !kernel)
        r = lowering_add(out, LOWER_ENFORCED, "guest's system calls", "answered inside",
                         "the guest's own kernel, if it has one; none of them reaches the host", NULL);
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}
