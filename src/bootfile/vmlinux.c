/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzImage to vmlinux: the payload is one compressed ELF file. Shut in before the first byte is read.
 */
#include "base/io.h"
#include "bootfile/bootfile.h"
#include "bootfile/bzimage.h"
#include "confine/walls.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESSED_MOST ((size_t)256 << 20)
#define CPU_SECONDS     120

static uint8_t *read_input(size_t *n)
{
    uint8_t *bytes = malloc(COMPRESSED_MOST);
    ssize_t r = bytes ? io_read_full(0, bytes, COMPRESSED_MOST) : -ENOMEM;

    *n = r < 0 ? 0 : (size_t)r;
    return bytes;
}

/* Behind what is compressed Linux puts the size of what comes out, but for gzip's, whose own end says it. */
static size_t compressed_bytes(const struct bzimage *image)
{
    const bool gzip = image->payload[0] == 0x1f && image->payload[1] == 0x8b;

    return gzip ? image->length : image->length - 4;
}

static int unpack(struct archive *a, const struct bzimage *image, uint8_t *out, struct err *err)
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
    if (archive_read_open_memory(a, image->payload, compressed_bytes(image)) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return err_set(err, -ENOEXEC,
                       "how its kernel is compressed is unknown (gzip, bzip2, xz, lzma, lz4, zstd are "
                       "known)");
    while (n < image->unpacked) {
        ssize_t more = archive_read_data(a, out + n, image->unpacked - n);
        if (more <= 0)
            return err_set(err, -ENOEXEC, "its kernel does not unpack: %s",
                           archive_error_string(a) ? archive_error_string(a) : "it ends early");
        n += (size_t)more;
    }
    return memcmp(out, "\177ELF", 4) ? err_set(err, -ENOEXEC, "what is packed in it is no ELF file") : 0;
}

static int convert(struct err *err)
{
    struct bzimage image = {0};
    size_t n;
    uint8_t *file = read_input(&n);
    int r = file ? bzimage_read(&image, file, n, err) : err_set(err, -ENOMEM, "out of memory");

    if (r < 0)
        return r;
    uint8_t *out = malloc(image.unpacked);
    struct archive *a = archive_read_new();
    if (!out || !a)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = unpack(a, &image, out, err)) == 0 && (r = io_write_all(1, out, image.unpacked)) < 0)
        err_sys(err, r, "write the kernel");
    return r;
}

int vmlinux_main(void)
{
    const struct walls walls = {.who = "the unpacker of kernels",
                                .file_bytes = BZIMAGE_KERNEL_MOST,
                                .memory = BZIMAGE_KERNEL_MOST * 3,
                                .cpu_seconds = CPU_SECONDS};
    struct err err = {0};

    return walls_enter_converter(&walls, &err) < 0 || convert(&err) < 0 ? bootfile_fail(&err) : 0;
}
