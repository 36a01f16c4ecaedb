/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an ELF file that is packed: its facts, and the numbers of its system calls. */
#include "unikernel/numbers.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct elf_facts facts;
    static struct numbers numbers;
    struct arena arena;
    struct err err;
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy || size > SIZE_MOST || arena_init(&arena, (size_t)1 << 30) < 0) {
        free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    if (elf_facts_read(copy, size, &facts, &err) == 0) {
        for (unsigned i = 0; i < facts.n_needed; i++)
            if (strlen(facts.needed[i]) > size)
                abort();
        for (unsigned i = 0; i < facts.n_loads; i++)
            if (facts.loads[i].offset + facts.loads[i].file > size)
                abort();
        numbers_find(&arena, copy, size, &facts, &numbers, &err);
    }
    arena_free(&arena);
    free(copy);
    return 0;
}
