/* SPDX-License-Identifier: Apache-2.0 */
/* See key.h. Trust: paths are the user's; the contents of jars are never read here. */
#include "classcache/key.h"
#include "base/io.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT      "moat class archive 1" /* changes when the meaning of any of this does */
#define RELEASE_MAX (64u << 10)

static void put_number(struct class_key *k, uint64_t number)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    sha256_update(&k->digest, bytes, sizeof bytes);
}

static void put(struct class_key *k, const void *data, size_t len)
{
    put_number(k, len);
    sha256_update(&k->digest, data, len);
}

void class_key_begin(struct class_key *k)
{
    sha256_init(&k->digest);
    put(k, FORMAT, strlen(FORMAT));
}

void class_key_text(struct class_key *k, const char *label, const char *text)
{
    put(k, label, strlen(label));
    put(k, text, strlen(text));
}

/* The time of change (ctime) cannot be set, unlike that of the contents: who replaces a file has another key. Not the
 * device, whose number may be another after each start of the host. */
static void put_identity(struct class_key *k, const struct stat *st)
{
    const uint64_t numbers[] = {st->st_ino,
                                (uint64_t)st->st_size,
                                (uint64_t)st->st_mtim.tv_sec,
                                (uint64_t)st->st_mtim.tv_nsec,
                                (uint64_t)st->st_ctim.tv_sec,
                                (uint64_t)st->st_ctim.tv_nsec};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        put_number(k, numbers[i]);
}

int class_key_file(struct class_key *k, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return -errno;
        class_key_text(k, "absent", path);
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    class_key_text(k, "file", path);
    put_identity(k, &st);
    return 0;
}

int class_key_jdk(struct class_key *k, struct arena *a, const char *jdk)
{
    static const char *const parts[] = {"lib/server/libjvm.so", "lib/modules"};
    const char *release = arena_printf(a, "%s/release", jdk);
    char *text;
    size_t len;
    int r = release ? io_read_regular(a, release, RELEASE_MAX, &text, &len) : -ENOMEM;

    if (r < 0)
        return r;
    class_key_text(k, "jdk", jdk);
    put(k, text, len);
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++) {
        const char *path = arena_printf(a, "%s/%s", jdk, parts[i]);
        r = path ? class_key_file(k, path) : -ENOMEM;
    }
    return r;
}

void class_key_end(struct class_key *k, char hex[CLASS_KEY_SIZE])
{
    uint8_t digest[SHA256_SIZE];

    sha256_final(&k->digest, digest);
    sha256_hex(digest, hex);
}
