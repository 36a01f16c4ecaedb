#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# libmoat with programs of two processes: tests/libmoat/host*.c and worker.c, one scenario a test, with targets that are
# spawned and with forks of a zygote, as whoever runs the tests and as nobody. Then what it looks like from outside: the
# header, the names that the library shows, pkg-config, and examples/thumbnail.
bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
    require_file "$MOAT_BUILD/tests/libmoat/libmoat-host"
    # Where nobody finds them too.
    export PLACE
    PLACE=$(mktemp -d /tmp/moat-libmoat-XXXXXX)
    chmod 755 "$PLACE"
    cp "$MOAT_BUILD/tests/libmoat/libmoat-host" "$MOAT_BUILD/tests/libmoat/libmoat-worker" "$PLACE"
}
teardown_file() { rm -rf "${PLACE:?}"; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }

host() { "$PLACE/libmoat-host" "$1" "$2" "$PLACE/libmoat-worker"; }
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# scenario NAME: all its ways, as us; as nobody too when we are root and he may make user namespaces.
scenario()
{
    local way
    for way in spawn zygote; do
        "$PLACE/libmoat-host" list | grep -qx "$1 $way" || continue
        run host "$1" "$way"
        assert_success || { echo "$1 $way" >&2; return 1; }
        [ "$(id -u)" = 0 ] && as_nobody unshare -U true 2>/dev/null || continue
        run as_nobody "$PLACE/libmoat-host" "$1" "$way" "$PLACE/libmoat-worker"
        assert_success || { echo "$1 $way as nobody" >&2; return 1; }
    done
}

# ---- calls -----------------------------------------------------------------------------------------------------------

@test "calls of all sizes come back as they were sent" { scenario calls_of_all_sizes; }
@test "a call against its row is refused before it is sent" { scenario calls_against_their_row; }
@test "calls that were begun are ended in any order, and too many are refused" { scenario calls_begun_are_ended_in_any_order; }
@test "a method is permitted in its states alone" { scenario states_permit_and_forbid; }
@test "signals do not disturb calls" { scenario signals_do_not_disturb_calls; }
@test "a target runs where its placement says" { scenario target_follows_its_host; }

# ---- ends ------------------------------------------------------------------------------------------------------------

@test "exit, crash, abort, forbidden call, full stack and missed deadline are told apart, and a restart helps" { scenario ends_are_told_apart; }
@test "restarts are limited" { scenario restarts_are_limited; }
@test "the status of a target that ended is known" { scenario status_is_known_after_the_end; }
@test "a host that waits for all its children disturbs nothing" { scenario host_may_take_the_status; }
@test "a start that fails says why" { scenario starts_that_fail_say_why; }
@test "a function as target; not with threads" { scenario fork_of_a_function; }

@test "a target ends with its host" {
    local way
    for way in spawn zygote; do
        "$PLACE/libmoat-host" waits_to_be_killed $way "$PLACE/libmoat-worker" > out 3>&- &
        local pid=$!
        wait_for 5 grep -q . out
        [ -d "/proc/$(cat out)" ]
        kill -9 $pid
        wait $pid || true
        # Dead; an orphan's entry stays until process 1 takes notice.
        gone() { ! grep -q '^State:[[:space:]]*[^ZX]' "/proc/$(cat out)/status" 2>/dev/null; }
        wait_for 5 gone
    done
}

# ---- walls -----------------------------------------------------------------------------------------------------------

@test "what works without walls does not work behind them" { scenario walls_stop_what_works_outside; }
@test "the walls that stand are the ones that are reported" { scenario walls_are_reported; }
@test "address space is limited" { scenario memory_is_limited; }
@test "system calls named in the options are allowed, unknown names refused" { scenario calls_named_in_the_options_are_allowed; }

# A user namespace in which no other can be made, and root in it without the right to make any namespace.
bare_host() { unshare -U -r sh -c 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -sys_admin,-setuid,-setgid "$@"' sh "$@"; }

@test "without any namespace the filter and Landlock stand, and hold" {
    require_userns
    local s
    export MOAT_TEST_FEWER_WALLS=1
    run bare_host "$PLACE/libmoat-host" walls_are_reported spawn "$PLACE/libmoat-worker"
    assert_success
    assert_match '^walls 0x[23]0$'
    for s in walls_stop_what_works_outside calls_of_all_sizes ends_are_told_apart many_starts_leave_nothing; do
        for way in spawn zygote; do
            run bare_host "$PLACE/libmoat-host" $s $way "$PLACE/libmoat-worker"
            assert_success
        done
    done
}

@test "walls that are required and cannot be had are refused by name" {
    require_userns
    run bare_host "$PLACE/libmoat-host" walls_required_and_missing_are_named spawn "$PLACE/libmoat-worker"
    assert_success
}

# ---- descriptors and buffers -------------------------------------------------------------------------------------------

@test "descriptors go both ways where the row says so" { scenario descriptors_go_both_ways; }
@test "buffers are shared, also with a restarted target, and read within their bounds" { scenario buffers_are_shared; }
@test "a buffer to read cannot be written" { scenario buffers_to_read_cannot_be_written; }
@test "a target has 64 buffers at most" { scenario buffers_are_limited_in_number; }

# ---- zygotes -----------------------------------------------------------------------------------------------------------

@test "what start-up read is there in each fork, and nothing else is common" { scenario start_up_is_done_once; }
@test "many starts leave no descriptor and no process" { scenario many_starts_leave_nothing; }
@test "a fork finds nothing of the one before in its rings" { scenario forks_find_nothing_of_each_other; }
@test "a zygote that dies takes its forks along" { scenario zygote_that_dies_takes_its_forks_along; }
@test "a zygote that cannot fork says so with the first call" { scenario zygote_that_cannot_fork_says_so; }

@test "every scenario has a test" {
    local name
    for name in $("$PLACE/libmoat-host" list | cut -d' ' -f1 | sort -u); do
        grep -q "scenario $name;" "$BATS_TEST_FILENAME" || { echo "no test: $name" >&2; return 1; }
    done
}

# ---- tainted values ------------------------------------------------------------------------------------------------------

compiles() # the body of a function
{
    printf '#include <moat/moat.h>\nint f(moat_tainted_u32 a, moat_tainted_u64 b, moat_tainted_size s, moat_tainted_offset o, moat_tainted_bytes t, int *array);\n' > try.c
    printf 'int f(moat_tainted_u32 a, moat_tainted_u64 b, moat_tainted_size s, moat_tainted_offset o, moat_tainted_bytes t, int *array)\n{\n    (void)a; (void)b; (void)s; (void)o; (void)t; (void)array;\n    %s\n    return 0;\n}\n' "$1" >> try.c
    "${2:-cc}" -Wall -Werror -fsyntax-only -I "$MOAT_SRC/include" try.c
}

@test "a tainted value opens with a bound" {
    compiles 'uint32_t x; return moat_untaint_range(a, 1, 7, &x) == 0 ? (int)x : -1;'
    compiles 'uint64_t x; return moat_untaint_range(b, 1, 7, &x) == 0 ? (int)x : -1;'
    compiles 'size_t x; return moat_untaint_range(s, 1, 7, &x) == 0 ? (int)x : -1;'
    compiles 'size_t x; return moat_untaint_index(a, 7, &x) == 0 ? array[x] : -1;'
    compiles 'size_t x; return moat_untaint_offset(o, 7, 100, &x) == 0 ? array[x] : -1;'
    compiles 'char x[8]; return moat_tainted_bytes_copy(t, o, x, sizeof x);'
    compiles 'char x[8]; return moat_tainted_bytes_text(t, o, x, sizeof x);'
    compiles 'struct moat_call c = {0}; t = moat_call_reply(&c);'
}

@test "a tainted value does not compile as a number, an index, a size or a pointer" {
    local body
    while IFS= read -r body; do
        [ -n "$body" ] || continue
        run compiles "$body"
        assert_failure || { echo "it compiles: $body" >&2; return 1; }
        assert_contains error
    done <<'EOF'
return a + 1;
return a * 2;
return -a;
return a == 3;
return a < b;
if (a) return 1;
while (s) return 1;
return !a;
return array[a];
return array[b];
return array[s];
return *(array + o);
return (int)a;
uint32_t x = a; return (int)x;
a = 3;
a++;
a = b;
b = a;
o = b;
memcpy(array, array, s);
memset(array, 0, b);
char *p = t; return *p;
char *p = o; return *p;
memcpy(array, t, 4);
return array[t];
switch (a) { case 1: return 1; }
uint32_t x; return moat_untaint_range(o, 0, 7, &x);
uint32_t x; return moat_untaint_range(b, 0, 7, &x);
size_t x; return moat_untaint_index(3, 7, &x);
return moat_buffer_read(0, 7, array, 4);
return moat_buffer_read(0, b, array, 4);
EOF
}

@test "indexes, ranges and bytes are held within their bounds" {
    require_command cc gcc
    cat > bounds.c <<'EOF'
#include <moat/taint.h>
#include <stdio.h>
#define IS(x, y) do { if ((x) != (y)) { printf("%d: %s\n", __LINE__, #x); return 1; } } while (0)
int main(void)
{
    uint32_t x = 99;
    size_t i = 99;
    char b[8] = "abcdefg";
    IS(moat_untaint_range(moat_taint_u32(0), 1, 5, &x), -ERANGE);
    IS(moat_untaint_range(moat_taint_u32(6), 1, 5, &x), -ERANGE);
    IS(x, 99);
    IS(moat_untaint_range(moat_taint_u32(5), 1, 5, &x), 0);
    IS(x, 5);
    uint64_t counts[] = {1, 2, 7, 1u << 31, 1ull << 32, ~0ull >> 1, 1ull << 63, ~0ull};
    for (int k = 0; k < 8; k++) {
        size_t n = counts[k];
        IS(moat_untaint_index(moat_taint_u64(n), n, &i), -ERANGE);
        IS(moat_untaint_index(moat_taint_u64(~0ull), n, &i), -ERANGE);
        IS(moat_untaint_index(moat_taint_u64(n - 1), n, &i), 0);
        IS(i, n - 1);
        IS(moat_untaint_index(moat_taint_u64(n / 2), n, &i), 0);
        IS(i, n / 2);
    }
    IS(moat_untaint_index(moat_taint_u32(0), 0, &i), -ERANGE);
    IS(moat_untaint_offset(moat_taint_offset(0), 9, 8, &i), -ERANGE);
    IS(moat_untaint_offset(moat_taint_offset(1), 8, 8, &i), -ERANGE);
    IS(moat_untaint_offset(moat_taint_offset(~0ull), 1, 8, &i), -ERANGE);
    IS(moat_untaint_offset(moat_taint_offset(8), 0, 8, &i), 0);
    moat_tainted_bytes t = moat_taint_bytes("x\x1b" "y\0zz", 6);
    IS(moat_tainted_bytes_copy(t, moat_taint_offset(4), b, 3), -ERANGE);
    IS(moat_tainted_bytes_copy(t, moat_taint_offset(4), b, 2), 0);
    IS(b[2], 'c');
    IS(moat_tainted_bytes_text(t, moat_taint_offset(0), b, sizeof b), 3);
    IS(strcmp(b, "x?y"), 0);
    IS(moat_tainted_bytes_text(t, moat_taint_offset(4), b, sizeof b), -ERANGE);
    IS(moat_tainted_bytes_text(t, moat_taint_offset(0), b, 3), -ERANGE);
    IS(strcmp(b, "x?"), 0);
    IS(moat_tainted_bytes_text(t, moat_taint_offset(6), b, sizeof b), -ERANGE);
    return 0;
}
EOF
    local flags
    for flags in -O0 -O2 '-O1 -fsanitize=undefined -fno-sanitize-recover=undefined'; do
        # shellcheck disable=SC2086
        cc -Wall -Werror $flags -I "$MOAT_SRC/include" bounds.c -o bounds
        run ./bounds
        assert_success
    done
}

@test "the header compiles as C++ and alone" {
    local compiler header
    command -v g++ >/dev/null && compiler=g++ || compiler=clang++
    require_command $compiler g++
    for header in moat taint; do
        echo "#include <moat/$header.h>" > try.cc
        $compiler -Wall -Wextra -Werror -fsyntax-only -I "$MOAT_SRC/include" try.cc
        echo "#include <moat/$header.h>" > try.c
        cc -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only -I "$MOAT_SRC/include" try.c
    done
}

# ---- as a library --------------------------------------------------------------------------------------------------------

@test "the libraries show moat_* and nothing else" {
    require_command nm binutils
    local names
    names=$(nm -D --defined-only "$MOAT_BUILD/src/libmoat/libmoat.so" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u)
    grep -qx moat_call <<<"$names"
    run grep -vxE 'moat_[a-z_]+|MOAT_1' <<<"$names"
    assert_output ''
    assert_equal "$(nm -g --defined-only "$MOAT_BUILD/src/libmoat/libmoat.a" | awk 'NF == 3 { print $3 }' | sort -u)" "$(grep -v MOAT_1 <<<"$names")"
}

@test "every function of the header is in the library" {
    local name
    for name in $(grep -oE '^MOAT_API [a-z_0-9 ]*[ *]moat_[a-z_]+\(' "$MOAT_SRC/include/moat/moat.h" | grep -oE 'moat_[a-z_]+\(' | tr -d '('); do
        nm -D --defined-only "$MOAT_BUILD/src/libmoat/libmoat.so" | grep -qE " $name(@|$)" || { echo "missing: $name" >&2; return 1; }
    done
}

@test "a program is built by pkg-config, with the shared and the static library" {
    require_command pkg-config
    MESON_INSTALL_DESTDIR_PREFIX=$PWD/usr "$MOAT_SRC/src/libmoat/install.sh" "$MOAT_BUILD/src/libmoat/libmoat.so" \
        "$MOAT_BUILD/src/libmoat/libmoat.a" "$MOAT_BUILD/src/libmoat/moat.pc" lib include
    sed -i "s|^prefix=.*|prefix=$PWD/usr|; s|^libdir=.*|libdir=\${prefix}/lib|; s|^includedir=.*|includedir=\${prefix}/include|" usr/lib/pkgconfig/moat.pc
    cat > twice.c <<'EOF'
#include <moat/moat.h>
#include <stdio.h>
#include <string.h>
struct number { moat_tainted_u32 n; };
static int twice(struct moat_request *q)
{
    uint32_t n;
    memcpy(&n, q->bytes, sizeof n);
    struct number *reply = q->reply;
    reply->n = moat_taint_u32(2 * n);
    q->reply_size = sizeof *reply;
    return 0;
}
static const struct moat_method methods[] = {{.method = 0, .name = "twice", .states = MOAT_STATES_ALL, .request_min = 4, .request_max = 4, .reply_max = 4, .function = twice}};
static int target(struct moat_session *s, void *unused) { (void)unused; return moat_serve(s, methods, 1, NULL, NULL) < 0; }
int main(void)
{
    struct moat_target_options o = {.methods = methods, .n_methods = 1};
    struct moat_target *t;
    struct moat_error e;
    uint32_t n = 21;
    struct number reply;
    struct moat_call c = {.request = &n, .request_size = 4, .reply = &reply, .reply_max = sizeof reply};
    if (moat_target_fork(&o, target, NULL, &t, &e) < 0 || moat_call(t, &c, &e) < 0) { puts(e.text); return 1; }
    if (moat_untaint_range(reply.n, 0, 100, &n) < 0) return 1;
    printf("%u\n", n);
    moat_target_free(t);
    return 0;
}
EOF
    export PKG_CONFIG_PATH=$PWD/usr/lib/pkgconfig
    # shellcheck disable=SC2046
    cc -Wall -Werror twice.c $(pkg-config --cflags --libs moat) -o shared
    # shellcheck disable=SC2046
    cc -Wall -Werror -static twice.c $(pkg-config --static --cflags --libs moat) -o static
    LD_LIBRARY_PATH=usr/lib run ./shared
    assert_output 42
    run ./static
    assert_output 42
}

@test "the worker started by hand says that it is a target" {
    run "$PLACE/libmoat-worker" 3>&-
    assert_status 1
    assert_contains 'moat_target_spawn()'
}

# ---- the example ---------------------------------------------------------------------------------------------------------

thumbnail() { "$MOAT_BUILD/examples/thumbnail" "$@"; }

@test "thumbnails made in a target are those made in the process" {
    require_file "$MOAT_BUILD/examples/thumbnail"
    require_command python3
    mkdir png in out
    "$MOAT_SRC/examples/thumbnail/makepng.py" png 12 150
    thumbnail --edge 64 -o in --in-process png/*.png
    thumbnail --edge 64 -o out png/*.png
    assert_equal "$(ls out | wc -l)" 12
    diff -r in out
    head -c 2 out/000-rgb.png.ppm | grep -q P6
    run ! cmp -s out/000-rgb.png.ppm out/001-rgba.png.ppm
}

@test "a broken picture is one error, and the others are made" {
    require_file "$MOAT_BUILD/examples/thumbnail"
    mkdir png out
    "$MOAT_SRC/examples/thumbnail/makepng.py" png 3 100
    head -c 3000 png/001-rgba.png > png/short.png
    echo 'not a picture' > png/text.png
    run thumbnail -o out png/*.png
    assert_status 1
    assert_contains 'png/short.png: Bad message'
    assert_contains 'png/text.png: Bad message'
    assert_equal "$(ls out)" $'000-rgb.png.ppm\n001-rgba.png.ppm\n002-grey.png.ppm'
}
