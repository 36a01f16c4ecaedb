/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many damaged images without a fuzzer: linux-images-many N SEED. Each is a small good tree in which some fields of the
 * header, the inodes, the entries and the names were changed. The file linux-images-running has the one on the way,
 * should it crash: that is an input of fuzz_linux_image. `linux-images-many seeds DIRECTORY` writes a few good ones.
 */
#include "../unit/linux_image.h"
#include "linux_images.h"

#include "linux/core/modes.h"
#include "linux/fs/imgfs_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 24

static uint64_t state;

static uint64_t any(uint64_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

static void keep(const char *name, const uint8_t *input, size_t n)
{
    FILE *f = fopen(name, "wb");
    if (!f)
        return;
    fwrite(input, 1, n, f);
    fclose(f);
}

/* A tree by chance: rows below directories that came before them. */
static uint8_t *good_image(size_t *size)
{
    static char paths[ROWS][96];
    static const uint32_t kinds[] = {S_IFREG | 0644, S_IFDIR | 0755, S_IFDIR | 0755, S_IFLNK | 0777,
                                     S_IFREG | 0755, S_IFIFO | 0644, S_IFCHR | 0600, S_IFREG | 06755};
    static const char *const texts[] = {"", "text", "\177ELF", "../a0", "/", "a1/a2", "#!/a3\n"};
    struct image_row rows[ROWS];
    size_t n = 1 + any(ROWS - 1), directories[ROWS], n_directories = 0;
    for (size_t i = 0; i < n; i++) {
        size_t in = any(n_directories + 1);
        const char *parent = in < n_directories ? rows[directories[in]].path : NULL;
        if (parent && strlen(parent) > 60)
            parent = NULL;
        snprintf(paths[i], sizeof(paths[i]), "%.70s%sa%zu", parent ? parent : "", parent ? "/" : "", i);
        rows[i] = (struct image_row){paths[i], kinds[any(8)], texts[any(7)], 0};
        if (S_ISLNK(rows[i].mode) && !*rows[i].text)
            rows[i].text = "a1";
        if (S_ISDIR(rows[i].mode))
            directories[n_directories++] = i, rows[i].text = NULL;
    }
    return image_build(rows, n, 0, 0, size);
}

static uint64_t interesting(uint64_t old, uint64_t size)
{
    const uint64_t values[] = {
        0,   1,    size,          size - 1,   size + 1,   old + 1,    old - 1,         old ^ (1ull << any(64)),
        255, 4096, any(size + 1), UINT32_MAX, UINT64_MAX, 1ull << 63, any(UINT64_MAX), 0xffff};
    return values[any(sizeof(values) / sizeof(values[0]))];
}

static void damage(uint8_t *image, size_t size)
{
    struct image_header h;
    memcpy(&h, image, sizeof(h));
    static const enum image_section_kind kinds[] = {IMAGE_INODES, IMAGE_ENTRIES, IMAGE_NAMES, IMAGE_INODES};
    for (uint64_t times = 1 + any(6); times; times--) {
        const struct image_section *s = &h.sections[kinds[any(4)]];
        uint64_t from = any(10) ? s->offset : 0, n = from ? s->size : sizeof(h), width = 1ull << any(4), old = 0;
        if (n < width)
            continue;
        uint64_t at = from + any(n - width + 1) / width * width;
        memcpy(&old, image + at, width);
        old = interesting(old, size);
        memcpy(image + at, &old, width);
    }
}

static void run_many(uint64_t count, uint64_t seed)
{
    uint64_t booted = 0;
    for (uint64_t i = 0; i < count; i++) {
        size_t size;
        state = seed + i;
        uint8_t *image = good_image(&size), *input = image ? malloc(size + 1) : NULL;
        if (!input)
            abort();
        damage(image, size);
        input[0] = (uint8_t)any(8);
        memcpy(input + 1, image, size);
        keep("linux-images-running", input, size + 1);
        booted += (uint64_t)linux_images_run(input, size + 1);
        free(input);
        free(image);
    }
    remove("linux-images-running");
    printf("%" PRIu64 " images, of which %" PRIu64 " were mounted, from seed %" PRIu64 "\n", count, booted, seed);
}

static void write_seeds(const char *directory)
{
    for (unsigned i = 0; i < 6; i++) {
        size_t size;
        char name[256];
        state = i + 1;
        uint8_t *image = good_image(&size), *input = image ? malloc(size + 1) : NULL;
        if (!input)
            abort();
        input[0] = (uint8_t)i;
        memcpy(input + 1, image, size);
        snprintf(name, sizeof(name), "%s/tree-%u", directory, i);
        keep(name, input, size + 1);
        free(input);
        free(image);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "seeds")) {
        write_seeds(argv[2]);
        return 0;
    }
    if (argc != 3) {
        fprintf(stderr, "linux-images-many N SEED\n");
        return 2;
    }
    run_many(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    return 0;
}
