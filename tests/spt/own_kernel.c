/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_kernel code|gate|data|entry: program and kernel are one domain, so a program may spoil its own kernel; what is
 * tested is that nothing but the sandbox ends. Addresses are those of guest/unikernel/layout.h.
 */
#include "guest/unikernel/layout.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel's data begin at the first writable page behind its code. */
static void spoil_data(void)
{
    int fd[2];

    if (pipe(fd) < 0)
        return;
    for (uintptr_t at = KERNEL_BASE;; at += 4096) {
        /* Its own kernel refuses the address of kernel memory; so it is tried, from the far end, by hand. */
        if (memcmp((const void *)at,
                   "\x7f"
                   "ELF",
                   4) == 0)
            return;
        if (at >= KERNEL_BASE + 0x20000)
            memset((void *)at, 0x5a, 4096);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "code"))
        *(volatile char *)KERNEL_BASE = 0;
    else if (!strcmp(what, "gate"))
        *(volatile char *)GATE_BASE = 0;
    else if (!strcmp(what, "data"))
        spoil_data();
    else if (!strcmp(what, "entry"))
        ((void (*)(void))(KERNEL_ENTRY + 1))();
    else if (!strcmp(what, "write"))
        return write(1, (const void *)KERNEL_BASE, 8) < 0 ? 0 : 1;
    puts("FAILURE: it went on");
    return 1;
}
