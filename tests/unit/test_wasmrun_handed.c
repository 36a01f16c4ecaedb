/* SPDX-License-Identifier: Apache-2.0 */
/* What moat hands to moat-wasm beside a module, from the one end to the other: descriptors keep their places, and a
 * stranger's file takes none. */
#include "boundary/wasm/listen.h"
#include "wasmrun/module_file.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define S(text) ((char *)(uintptr_t)text)

static int file_of(const char *text)
{
    int fd = memfd_create(text, MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static bool holds(int fd, const char *text)
{
    char there[64] = {0};

    return pread(fd, there, sizeof there - 1, 0) == (ssize_t)strlen(text) && !strcmp(there, text);
}

static bool listens(int fd)
{
    int on = 0;
    socklen_t size = sizeof on;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

static void test_module_alone_is_handed_over_as_it_is(void **state)
{
    char *words[] = {S("moat-wasm"), S("--module"), S("/m"), S("m"), NULL};
    const struct strv argv = {.v = words, .n = 4};
    struct err err = {0};
    int module = file_of("module"), fd = module;

    (void)state;
    assert_int_equal(wasm_hand_over(&argv, &fd, -1, &err), 0);
    assert_int_equal(fd, module);
    close(fd);
}

/* Compiled code that has gone between its being found and opened: the option is there, and the file is not. */
static void test_image_that_has_gone_leaves_the_module(void **state)
{
    char *words[] = {S("moat-wasm"), S("--image"), S("/kept"), S("--module"), S("/m"), S("m"), NULL};
    const struct strv argv = {.v = words, .n = 6};
    struct err err = {0};
    int fd = file_of("module"), image = 77;

    (void)state;
    assert_int_equal(wasm_hand_over(&argv, &fd, -1, &err), 0);
    assert_int_equal(wasmrun_companions_take(&fd, NULL, 0, &image, &err), 0);
    assert_int_equal(image, -1);
    assert_true(holds(fd, "module"));
    close(fd);
}

static void test_image_and_listeners_keep_their_places(void **state)
{
    char *words[] = {
        S("moat-wasm"), S("--listen"), S("127.0.0.1:0"), S("--listen"), S("127.0.0.1:0"), S("--image"), S("/kept"),
        S("--module"),  S("/m"),       S("m"),           NULL};
    const struct strv argv = {.v = words, .n = 10};
    struct err err = {0};
    int fd = file_of("module"), listeners[2] = {-1, -1}, image = -1;

    (void)state;
    assert_int_equal(wasm_hand_over(&argv, &fd, file_of("image"), &err), 0);
    assert_int_equal(wasmrun_companions_take(&fd, listeners, 2, &image, &err), 0);
    assert_true(holds(fd, "module"));
    assert_true(holds(image, "image"));
    assert_true(listens(listeners[0]) && listens(listeners[1]));
    assert_true(fcntl(image, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(image);
    close(listeners[0]);
    close(listeners[1]);
}

/* What is not asked for is no answer: one that takes no compiled code is given none. */
static void test_more_than_was_asked_for_is_refused(void **state)
{
    char *words[] = {S("moat-wasm"), S("--image"), S("/kept"), S("--module"), S("/m"), S("m"), NULL};
    const struct strv argv = {.v = words, .n = 6};
    struct err err = {0};
    int fd = file_of("module"), file = file_of("module");

    (void)state;
    assert_int_equal(wasm_hand_over(&argv, &fd, file_of("image"), &err), 0);
    assert_true(wasmrun_companions_take(&fd, NULL, 0, NULL, &err) < 0);
    assert_int_equal(fd, -1);
    int image = 0;
    err = (struct err){0};
    assert_true(wasmrun_companions_take(&file, NULL, 0, &image, &err) < 0); /* no socket */
    assert_int_equal(image, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module_alone_is_handed_over_as_it_is),
        cmocka_unit_test(test_image_that_has_gone_leaves_the_module),
        cmocka_unit_test(test_image_and_listeners_keep_their_places),
        cmocka_unit_test(test_more_than_was_asked_for_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
