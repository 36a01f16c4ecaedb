/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzImage to vmlinux (Documentation/x86/boot.rst, from protocol 2.08 on: payload_offset, payload_length). The payload is
 * one compressed ELF file; its last four bytes say how long that is. Shut in before the first byte is read.
 */
#include "base/io.h"
#include "bootfile/bootfile.h"
#include "confine/walls.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESSED_MOST ((size_t)256 << 20)
#define KERNEL_MOST     ((size_t)1 << 30)
#define CPU_SECONDS     120

enum { AT_SETUP_SECTORS = 0x1f1, AT_MAGIC = 0x202, AT_VERSION = 0x206, AT_PAYLOAD = 0x248, AT_LENGTH = 0x24c,
       HEADER_BYTES = 0x268, SECTOR = 512 };

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t *read_input(size_t *n)
{
    uint8_t *bytes = malloc(COMPRESSED_MOST);
    ssize_t r = bytes ? io_read_full(0, bytes, COMPRESSED_MOST) : -ENOMEM;

    *n = r < 0 ? 0 : (size_t)r;
    return bytes;
}

/* Where in the file the payload lies. */
static int find_payload(const uint8_t *file, size_t n, const uint8_t **payload, size_t *length, struct err *err)
{
    if (n < HEADER_BYTES || memcmp(file + AT_MAGIC, "HdrS", 4))
        return err_set(err, -ENOEXEC, "it is no bzImage");
    const unsigned version = file[AT_VERSION] | (unsigned)file[AT_VERSION + 1] << 8;
    if (version < 0x208)
        return err_set(err, -ENOEXEC, "its boot protocol is %u.%02u: from 2.08 on (Linux 2.6.26) it says where the "
                       "kernel lies", version >> 8, version & 0xff);
    const size_t sectors = file[AT_SETUP_SECTORS] ? file[AT_SETUP_SECTORS] : 4;
    const size_t at = (sectors + 1) * SECTOR + le32(file + AT_PAYLOAD), bytes = le32(file + AT_LENGTH);
    if (at > n || bytes > n - at || bytes < 8)
        return err_set(err, -ENOEXEC, "it is cut short: %zu bytes of kernel at %zu, and the file has %zu", bytes, at, n);
    *payload = file + at;
    *length = bytes;
    return 0;
}

static int unpack(struct archive *a, const uint8_t *payload, size_t length, uint8_t *out, size_t bytes, struct err *err)
{
    struct archive_entry *entry;
    size_t n = 0;

    archive_read_support_format_raw(a);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_lzma(a);
    archive_read_support_filter_lz4(a);
    archive_read_support_filter_zstd(a);
    if (archive_read_open_memory(a, payload, length) != ARCHIVE_OK || archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return err_set(err, -ENOEXEC, "how its kernel is compressed is unknown (gzip, bzip2, xz, lzma, lz4, zstd are "
                       "known)");
    while (n < bytes) {
        ssize_t more = archive_read_data(a, out + n, bytes - n);
        if (more <= 0)
            return err_set(err, -ENOEXEC, "its kernel does not unpack: %s",
                           archive_error_string(a) ? archive_error_string(a) : "it ends early");
        n += (size_t)more;
    }
    return memcmp(out, "\177ELF", 4) ? err_set(err, -ENOEXEC, "what is packed in it is no ELF file") : 0;
}

static int convert(struct err *err)
{
    const uint8_t *payload = NULL;
    size_t n, length = 0;
    uint8_t *file = read_input(&n);
    int r = file ? find_payload(file, n, &payload, &length, err) : err_set(err, -ENOMEM, "out of memory");

    if (r < 0)
        return r;
    const size_t bytes = le32(payload + length - 4);
    if (bytes < 64 || bytes > KERNEL_MOST)
        return err_set(err, -ENOEXEC, "its kernel is said to have %zu bytes", bytes);
    uint8_t *out = malloc(bytes);
    struct archive *a = archive_read_new();
    if (!out || !a)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = unpack(a, payload, length, out, bytes, err)) == 0 && (r = io_write_all(1, out, bytes)) < 0)
        err_sys(err, r, "write the kernel");
    return r;
}

int vmlinux_main(void)
{
    const struct walls walls = {.who = "the unpacker of kernels",
                                .file_bytes = KERNEL_MOST,
                                .memory = KERNEL_MOST * 3,
                                .cpu_seconds = CPU_SECONDS};
    struct err err = {0};

    return walls_enter_converter(&walls, &err) < 0 || convert(&err) < 0 ? bootfile_fail(&err) : 0;
}
