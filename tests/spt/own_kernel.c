/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_kernel code|gate|data|entry: program and kernel are one domain, so a program may spoil its own kernel; what is
 * tested is that nothing but the sandbox ends. Addresses are those of guest/unikernel/layout.h.
 */
#include "guest/unikernel/layout.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGES 1024

static sigjmp_buf back;

static void handler(int signo)
{
    siglongjmp(back, 1);
}

/* Whatever of it can be written, page by page; the handler is the kernel's to call as long as it can. */
static void spoil_data(void)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    volatile uintptr_t at = KERNEL_BASE;

    sigaction(SIGSEGV, &action, NULL);
    sigsetjmp(back, 1);
    while (at < KERNEL_BASE + PAGES * 4096ul) {
        at += 4096;
        memset((void *)(at - 4096), 0x5a, 4096);
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
