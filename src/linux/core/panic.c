/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/core/panic.h"

#include "linux/platform.h"

#include <asm/signal.h>
#include <string.h>

_Noreturn void kernel_panic(const char *what)
{
    platform.host.console_write(HOST_STDERR, "kernel: ", 8);
    platform.host.console_write(HOST_STDERR, what, strlen(what));
    platform.host.console_write(HOST_STDERR, "\n", 1);
    platform.host.exit(0, SIGABRT);
}
