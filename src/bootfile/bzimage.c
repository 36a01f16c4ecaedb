/* SPDX-License-Identifier: Apache-2.0 */
/* See bzimage.h. From boot protocol 2.08 on the header has payload_offset and payload_length. */
#include "bootfile/bzimage.h"

#include <errno.h>
#include <string.h>

enum {
    AT_SETUP_SECTORS = 0x1f1,
    AT_MAGIC = 0x202,
    AT_VERSION = 0x206,
    AT_PAYLOAD = 0x248,
    AT_LENGTH = 0x24c,
    HEADER_BYTES = 0x268,
    SECTOR = 512,
    SECTORS_USUAL = 4,
    VERSION_LEAST = 0x208,
    KERNEL_LEAST = 64
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int bzimage_read(struct bzimage *out, const uint8_t *file, size_t n, struct err *err)
{
    if (n < HEADER_BYTES || memcmp(file + AT_MAGIC, "HdrS", 4))
        return err_set(err, -ENOEXEC, "it is no bzImage");
    const unsigned version = file[AT_VERSION] | (unsigned)file[AT_VERSION + 1] << 8;
    if (version < VERSION_LEAST)
        return err_set(err, -ENOEXEC,
                       "its boot protocol is %u.%02u: from 2.08 on (Linux 2.6.26) it says where the kernel lies",
                       version >> 8, version & 0xff);
    const size_t sectors = file[AT_SETUP_SECTORS] ? file[AT_SETUP_SECTORS] : SECTORS_USUAL;
    const size_t at = (sectors + 1) * SECTOR + le32(file + AT_PAYLOAD), length = le32(file + AT_LENGTH);
    if (at > n || length > n - at || length < 8)
        return err_set(err, -ENOEXEC, "it is cut short: %zu bytes of kernel at %zu, and the file has %zu", length, at,
                       n);
    const size_t unpacked = le32(file + at + length - 4);
    if (unpacked < KERNEL_LEAST || unpacked > BZIMAGE_KERNEL_MOST)
        return err_set(err, -ENOEXEC, "its kernel is said to have %zu bytes", unpacked);
    *out = (struct bzimage){file + at, length, unpacked};
    return 0;
}
