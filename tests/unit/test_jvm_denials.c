/* SPDX-License-Identifier: Apache-2.0 */
/* Denials of moat-jvm beside those of paths (test_engine.c): what is silent, words about the network; what an
 * OutOfMemoryError speaks of. */
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

static void test_denial_of_a_destination_names_address_and_port(void **state)
{
    static char out[ENGINE_SENTENCE];

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
        cmocka_unit_test(test_denial_of_what_everybody_looks_for_is_silent),
        cmocka_unit_test(test_denial_of_a_destination_names_address_and_port),
        cmocka_unit_test(test_exhaustion_is_named_by_the_text_of_the_error),
        cmocka_unit_test(test_exhaustion_is_named_by_the_line_of_the_machine_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
