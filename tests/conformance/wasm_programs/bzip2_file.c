/* SPDX-License-Identifier: Apache-2.0 */
/* bzip2_file FILE: compresses it to FILE.bz2, decompresses that to FILE.out, and says their sizes. */
#include "bzlib.h"

#include <stdio.h>
#include <stdlib.h>

void bz_internal_error(int code);

void bz_internal_error(int code)
{
    fprintf(stderr, "bzip2: internal error %d\n", code);
    exit(3);
}

static char *read_file(const char *path, unsigned *size)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 22);

    if (!f || !text)
        exit(2);
    *size = (unsigned)fread(text, 1, 1 << 22, f);
    fclose(f);
    return text;
}

static void write_file(const char *path, const char *end, const char *text, unsigned size)
{
    char name[256];

    snprintf(name, sizeof name, "%s%s", path, end);
    FILE *f = fopen(name, "wb");

    if (!f || fwrite(text, 1, size, f) != size || fclose(f))
        exit(2);
}

int main(int argc, char **argv)
{
    unsigned size, packed_size, back_size = 1 << 22;

    if (argc != 2)
        return 2;
    char *text = read_file(argv[1], &size);

    packed_size = size + size / 100 + 600;
    char *packed = malloc(packed_size), *back = malloc(back_size);

    if (!packed || !back || BZ2_bzBuffToBuffCompress(packed, &packed_size, text, size, 9, 0, 0) != BZ_OK ||
        BZ2_bzBuffToBuffDecompress(back, &back_size, packed, packed_size, 0, 0) != BZ_OK)
        return 1;
    write_file(argv[1], ".bz2", packed, packed_size);
    write_file(argv[1], ".out", back, back_size);
    printf("%u %u %u\n", size, packed_size, back_size);
    return 0;
}
