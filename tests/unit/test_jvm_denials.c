/* SPDX-License-Identifier: Apache-2.0 */
/* Denials of moat-jvm: what is one, and in which words; what an OutOfMemoryError speaks of. */
#include "base/mem.h"
#include "jvm/denials.h"
#include "jvm/exhaustion.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct jvm_rule list[] = {{"/ro", JVM_READ | JVM_EXECUTE},
                                 {"/data", JVM_READ | JVM_WRITE | JVM_CREATE},
                                 {"/data/no", 0},
                                 {"/w", JVM_READ | JVM_WRITE},
                                 {"/seen", JVM_STAT},
                                 {"/app", JVM_READ, .host = "/srv/app"},
                                 {"/out", JVM_READ | JVM_WRITE | JVM_CREATE, .host = "/srv/out"},
                                 {"/tmp", JVM_READ | JVM_WRITE | JVM_CREATE, .fresh = true}};
static const struct jvm_rules rules = {.paths = list, .n_paths = ARRAY_LEN(list)};

static void test_denial_is_what_the_rules_refuse(void **state)
{
    static const struct {
        const char *path;
        uint32_t access;
        int error;
        bool denied;
    } cases[] = {
        {"/x", JVM_READ, ENOENT, true}, /* without a rule it is not there */
        {"/x", JVM_READ, EACCES, true},         {"/x", JVM_READ, EISDIR, false},
        {"/x", JVM_READ, EMFILE, false},        {"/x", JVM_CREATE, EROFS, true},
        {"/data/no/x", JVM_READ, ENOENT, true}, {"/data/no", JVM_STAT, EACCES, true},
        {"/data/x", JVM_READ, ENOENT, false}, /* that is the truth */
        {"/data/x", JVM_READ, EACCES, false}, /* the file's own mode */
        {"/ro/x", JVM_READ, ENOENT, false},     {"/ro/x", JVM_WRITE | JVM_CREATE, EROFS, true},
        {"/ro/x", JVM_WRITE, ENOENT, false},    {"/w/x", JVM_CREATE, EACCES, true},
        {"/seen/x", JVM_READ, EACCES, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (denials_is_denied(&rules, cases[i].path, cases[i].access, cases[i].error) != cases[i].denied)
            fail_msg("%s, access %u, %s: expected %s", cases[i].path, cases[i].access, strerror(cases[i].error),
                     cases[i].denied ? "denied" : "not denied");
    }
}

static void test_denial_of_what_everybody_looks_for_is_silent(void **state)
{
    static const char *const silent[] = {"/proc/1/x",  "/sys", "/dev/x",
                                         "/jdk/lib/x", "/jdk", "/usr/share/zoneinfo/UTC"};
    static const char *const told[] = {"/procs", "/jdk-other", "/etc/passwd", "/", "/usr/share"};

    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        if (!denials_is_silent(silent[i], "/jdk"))
            fail_msg("%s is told", silent[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        if (denials_is_silent(told[i], "/jdk"))
            fail_msg("%s is silent", told[i]);
    }
}

static void test_denial_names_the_flag_that_would_allow_it(void **state)
{
    static const struct {
        const char *deed, *path;
        uint32_t access;
        const char *sentence;
    } cases[] = {
        {"open for reading", "/etc/shadow", JVM_READ, "open for reading /etc/shadow: --ro /etc/shadow would allow it"},
        {"open for writing", "/etc/shadow", JVM_WRITE, "open for writing /etc/shadow: --rw /etc/shadow would allow it"},
        {"create", "/x/y", JVM_WRITE | JVM_CREATE, "create /x/y: --rw /x would allow it"},
        {"create", "/y", JVM_CREATE, "create /y: no rule gives the root directory"},
        {"create", "/w/y", JVM_CREATE, "create /w/y: /w is given rw alone: --rw /w would allow it"},
        {"open for writing", "/ro/y", JVM_WRITE,
         "open for writing /ro/y: /ro is given rx alone: --rw /ro/y would allow it"},
        {"open for reading", "/data/no/y", JVM_READ, "open for reading /data/no/y: --deny /data/no forbids it"},
        {"exec", "/usr/bin/id", JVM_READ | JVM_EXECUTE, "exec /usr/bin/id: --allow /usr/bin/id:rx would allow it"},
        {"native library", "/data/x.so", JVM_EXECUTE,
         "native library /data/x.so: /data is given rwc alone: --allow /data/x.so:rx would allow it"},
        /* What has another name on the host, or is not there, is never told by the name that it has inside. */
        {"create", "/app/y", JVM_CREATE, "create /app/y: /app is given r alone: --dir /srv/app::/app would allow it"},
        {"native library", "/app/x.so", JVM_EXECUTE,
         "native library /app/x.so: /app is given r alone: -v /srv/app:/app:ro,exec would allow it"},
        {"native library", "/out/x.so", JVM_EXECUTE,
         "native library /out/x.so: /out is given rwc alone: -v /srv/out:/out:exec would allow it"},
        {"native library", "/tmp/x.so", JVM_EXECUTE,
         "native library /tmp/x.so: /tmp is given rwc alone: --tmpfs /tmp:exec would allow it"},
    };
    static char out[DENIALS_LINE];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        denials_path_sentence(&rules, cases[i].deed, cases[i].path, cases[i].access, out);
        if (strcmp(out, cases[i].sentence) != 0)
            fail_msg("got      %s\nexpected %s", out, cases[i].sentence);
    }
}

static void test_denial_of_a_destination_names_address_and_port(void **state)
{
    static char out[DENIALS_LINE];

    denials_address_sentence("192.0.2.1", false, 443, false, out);
    assert_string_equal(out,
                        "connect to 192.0.2.1:443/tcp: no rule allows it: --allow-net 192.0.2.1:443 would allow it");
    denials_address_sentence("2001:db8::1", true, 53, true, out);
    assert_string_equal(
        out, "connect to [2001:db8::1]:53/udp: no rule allows it: --allow-net [2001:db8::1]:53/udp would allow it");
    denials_name_sentence("example.org", out);
    assert_string_equal(out,
                        "look up the name example.org: no rule names it: --allow-net example.org:* would allow it");
}

static void test_denial_of_the_longest_path_is_cut(void **state)
{
    static char path[JVM_PATH_SIZE], out[DENIALS_LINE];

    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    denials_path_sentence(&rules, "open for reading and writing", path, JVM_READ | JVM_WRITE, out);
    assert_non_null(strstr(out, "would allow it"));
}

static void test_exhaustion_is_named_by_the_text_of_the_error(void **state)
{
    static const struct {
        const char *text;
        enum jvm_end end;
    } cases[] = {
        {"Java heap space", JVM_END_HEAP},
        {"Java heap space: failed reallocation of scalar replaced objects", JVM_END_HEAP},
        {"GC overhead limit exceeded", JVM_END_HEAP},
        {"Metaspace", JVM_END_METASPACE},
        {"Compressed class space", JVM_END_METASPACE},
        {"Cannot reserve 1048576 bytes of direct buffer memory (allocated: 67108864, limit: 67108864)",
         JVM_END_DIRECT_MEMORY},
        {"Direct buffer memory", JVM_END_DIRECT_MEMORY},
        {"unable to create native thread: possibly out of memory or process/resource limits reached", JVM_END_THREADS},
        {"unable to create new native thread", JVM_END_THREADS},
        {"Out of space in CodeCache for adapters", JVM_END_CODE_CACHE},
        {"Requested array size exceeds VM limit", JVM_END_NONE}, /* no limit of the policy */
        {"java heap", JVM_END_NONE},
        {"", JVM_END_NONE},
        {NULL, JVM_END_NONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (jvm_end_of_text(cases[i].text) != cases[i].end)
            fail_msg("'%s': %d, expected %d", cases[i].text ? cases[i].text : "NULL", jvm_end_of_text(cases[i].text),
                     cases[i].end);
    }
}

static void test_exhaustion_is_named_by_the_line_of_the_machine_alone(void **state)
{
    assert_int_equal(jvm_end_of_line("Terminating due to java.lang.OutOfMemoryError: Java heap space"), JVM_END_HEAP);
    assert_int_equal(jvm_end_of_line("Java heap space"), JVM_END_NONE);
    assert_int_equal(jvm_end_of_line(" Terminating due to java.lang.OutOfMemoryError: Java heap space"), JVM_END_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denial_is_what_the_rules_refuse),
        cmocka_unit_test(test_denial_of_what_everybody_looks_for_is_silent),
        cmocka_unit_test(test_denial_names_the_flag_that_would_allow_it),
        cmocka_unit_test(test_denial_of_a_destination_names_address_and_port),
        cmocka_unit_test(test_denial_of_the_longest_path_is_cut),
        cmocka_unit_test(test_exhaustion_is_named_by_the_text_of_the_error),
        cmocka_unit_test(test_exhaustion_is_named_by_the_line_of_the_machine_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
