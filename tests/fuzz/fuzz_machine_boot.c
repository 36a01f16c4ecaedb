/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels: an input is a file that a user gave. It is loaded, or refused for a reason, and then the processor has not
 * been touched. The first byte says how many initrds there are.
 */
#include "tests/unit/machine_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t text[9000];
    static struct fixture *f, fresh;
    if (size < 1)
        return 0;
    if (f == NULL) {
        f = fixture_make(MACHINE_MICRO, UINT64_C(16) << 20, "moat64");
        fresh = *f;
    }
    *f = fresh; /* at the same place, since devices know where they are */
    madvise(f->memory, f->bytes, MADV_DONTNEED);
    struct fixture_file kernel = {data + 1, size - 1}, more[3] = {{text, 1}, {text, 4097}, {text, sizeof(text)}};
    struct boot_file initrds[3];
    for (unsigned i = 0; i < 3; i++)
        initrds[i] = fixture_file(&more[i]);
    struct boot_setup setup = {
        .kernel = fixture_file(&kernel), .initrds = initrds, .n_initrds = data[0] % 4, .append = "console=ttyS0"};
    const char *why = NULL;
    f->state.version = 12345;
    int r = boot_load(&f->machine, &setup, &why);
    check(r <= 0 && (r == 0) == (f->state.version != 12345) && (r == 0 || why != NULL));
    if (r == 0)
        check(f->state.rip <= UINT32_MAX && f->state.gpr[GPR_BX] < f->bytes);
    return 0;
}
