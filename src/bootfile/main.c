/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-bootfile: makes what a Linux guest boots from, once: an uncompressed kernel, an initramfs of a root. Kernels and
 * roots may come from anybody, so each subcommand shuts itself in before it looks at a byte (confine/walls.h). Started
 * by moat; in the start path of no sandbox whose files are kept already.
 */
#include "base/io.h"
#include "bootfile/bootfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int bootfile_fail(const struct err *err)
{
    fprintf(stderr, "moat: %s\n", err->text);
    return BOOTFILE_FAILED;
}

int main(int argc, char **argv)
{
    struct err err = {0};

    if (argc == 2 && !strcmp(argv[1], "vmlinux"))
        return vmlinux_main();
    if (argc == 2 && !strcmp(argv[1], "initrd"))
        return initrd_main();
    err_set(&err, -EINVAL, "moat-bootfile is started by moat run -b microvm");
    return bootfile_fail(&err);
}
