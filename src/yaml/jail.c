/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conversion needs of the kernel: reading, writing, memory, an end. There is no call that opens, looks up or
 * connects, so neither a root directory of its own nor Landlock has to stand for that to hold.
 */
#include "yaml/jail.h"

#include "confine/walls.h"
#include "host/yaml_record.h"

#define MEMORY      ((uint64_t)512 << 20)
#define CPU_SECONDS 10

int yaml_jail_enter(struct err *err)
{
    const struct walls walls = {
        .who = "the YAML reader", .file_bytes = YAML_RECORD_MAX, .memory = MEMORY, .cpu_seconds = CPU_SECONDS};

    return walls_enter_converter(&walls, err);
}
