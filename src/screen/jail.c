/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What making a picture needs of the kernel: reading, writing, memory, an end.
 */
#include "screen/jail.h"

#include "confine/walls.h"

#define FILE_BYTES  ((uint64_t)8 << 20) /* a picture that does not compress is little larger than its points */
#define MEMORY      ((uint64_t)128 << 20)
#define CPU_SECONDS 20

int screen_jail_enter(struct err *err)
{
    const struct walls walls = {
        .who = "the writer of pictures", .file_bytes = FILE_BYTES, .memory = MEMORY, .cpu_seconds = CPU_SECONDS};

    return walls_enter_converter(&walls, err);
}
