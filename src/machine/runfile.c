/* SPDX-License-Identifier: Apache-2.0 */
/* See runfile.h. */
#include "machine/runfile.h"
#include "base/cpio.h"
#include "guest/init/run.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static size_t bytes_of(char *const *words, size_t n, size_t more)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(words[i]) + 1 + more;
    return bytes;
}

int runfile_write(int fd, char *const *words, size_t n_words, char *const *program, size_t n_program)
{
    struct cpio c = {.fd = fd};
    const struct cpio_entry directory = {.name = &RUN_DIRECTORY[1], .mode = S_IFDIR | 0700};
    const struct cpio_entry file = {.name = &RUN_FILE[1],
                                    .mode = S_IFREG | 0400,
                                    .bytes = bytes_of(words, n_words, 0) + bytes_of(program, n_program, 1)};
    int r = file.bytes >= RUN_MOST ? -E2BIG : cpio_entry(&c, &directory);

    if (r == 0)
        r = cpio_entry(&c, &file);
    for (size_t i = 0; i < n_words && r == 0; i++)
        r = cpio_bytes(&c, words[i], strlen(words[i]) + 1);
    for (size_t i = 0; i < n_program && r == 0; i++)
        if ((r = cpio_bytes(&c, &(char){RUN_ARGUMENT}, 1)) == 0)
            r = cpio_bytes(&c, program[i], strlen(program[i]) + 1);
    return r == 0 ? cpio_end(&c) : r;
}
