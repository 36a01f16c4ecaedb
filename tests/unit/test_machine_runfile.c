/* SPDX-License-Identifier: Apache-2.0 */
/* What guest/init is told: the bytes of its file, in an archive. */
#include "guest/init/run.h"
#include "machine/runfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void words_and_program_are_in_it_in_order(void **state)
{
    static char user[] = "u1:2", home[] = "eHOME=/", shell[] = "sh", option[] = "-c", empty[] = "";
    static const char wanted[] = "u1:2\0eHOME=/\0ash\0a-c\0a";
    char *words[] = {user, home}, *program[] = {shell, option, empty}, text[4096];
    int fd = memfd_create("run", 0);

    (void)state;
    assert_int_equal(runfile_write(fd, words, 2, program, 3), 0);
    ssize_t n = pread(fd, text, sizeof text, 0);
    assert_true(n > 0 && n % 4 == 0);
    assert_non_null(memmem(text, (size_t)n, &RUN_FILE[1], strlen(RUN_FILE)));
    assert_non_null(memmem(text, (size_t)n, wanted, sizeof wanted));
    close(fd);
}

static void what_init_would_not_read_is_refused(void **state)
{
    static char large[RUN_MOST];
    char *words[] = {large};
    int fd = memfd_create("run", 0);

    (void)state;
    memset(large, 'e', sizeof large - 1);
    assert_int_equal(runfile_write(fd, words, 1, NULL, 0), -E2BIG);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_and_program_are_in_it_in_order),
                                       cmocka_unit_test(what_init_would_not_read_is_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
