/* SPDX-License-Identifier: Apache-2.0 */
/* Which options of a Java virtual machine pass, and what a refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/java_options.h"

#include <errno.h>
#include <string.h>

static void test_harmless_options_pass(void **state)
{
    static const char *const good[] = {
        "-Xmx256m",
        "-Xms16M",
        "-Xss512k",
        "-XX:MaxMetaspaceSize=64m",
        "-XX:+UseSerialGC",
        "-XX:-UseG1GC",
        "-XX:MaxGCPauseMillis=50",
        "-XX:TieredStopAtLevel=1",
        "-ea",
        "-ea:com.example...",
        "-da:com.example.Thing",
        "-esa",
        "-Xint",
        "-Xcomp",
        "-Xshare:off",
        "--enable-preview",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "--add-modules=jdk.incubator.vector",
        "-Xlog",
        "-Xlog:gc*",
        "-Xlog:gc*:stdout",
        "-Xlog:gc+heap=debug:stderr:time,level",
        "-verbose:class",
        "-verbose",
        "-javaagent:/lib/agent.jar=on",
        "-Dname=value",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:HeapDumpPath=/tmp/heap",
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = {0};
        if (java_option_check(good[i], &err) < 0)
            fail_msg("%s: %s", good[i], err.text);
    }
}

static void test_others_are_refused_with_the_option_and_a_remedy(void **state)
{
    static const struct {
        const char *option, *word;
    } bad[] = {
        {"-agentlib:jdwp=transport=dt_socket", "-javaagent:JAR"},
        {"-agentpath:/x.so", "-javaagent:JAR"},
        {"-Xrunjdwp:server=y", "-javaagent:JAR"},
        {"-Xdebug", "network"},
        {"-Xbootclasspath/a:/x.jar", "--class-path"},
        {"--patch-module=java.base=x", "--class-path"},
        {"-XX:OnError=id", "program"},
        {"-XX:OnOutOfMemoryError=id", "program"},
        {"@file", "--java-option"},
        {"-XX:Flags=/x", "--java-option"},
        {"-XX:VMOptionsFile=/x", "--java-option"},
        {"-XX:SharedArchiveFile=/x.jsa", "archive"},
        {"-XX:ArchiveClassesAtExit=/x.jsa", "archive"},
        {"-Xshare:dump", "archive"},
        {"-Xverify:none", "wall"},
        {"-noverify", "wall"},
        {"-XX:-BytecodeVerificationRemote", "wall"},
        {"-XX:MaxRAMPercentage=90", "-m"},
        {"-XX:+UseContainerSupport", "-m"},
        {"-Xloggc:/x", "stdout"},
        {"-Xlog:gc:file=/x", "stdout"},
        {"-Xlog:gc:/x", "stdout"},
        {"-Xlog:gc:\"file\"=/x", "stdout"},
        {"-Xlogx", "-Xlog"},
        {"-Xlog:async:file=/x:time", "stdout"},
        {"-XX:LogFile=/x", "stdout"},
        {"-cp", "--class-path"},
        {"--module-path=/x", "--module-path"},
        {"-jar", "app.jar"},
        {"-version", "java"},
        {"--add-opens", "--add-opens=VALUE"},
        {"--add-opens=", "missing"},
        {"-Xmx", "size"},
        {"-Xmx1.5g", "size"},
        {"-XX:ParallelGCThreads=", "number"},
        {"-XX:ParallelGCThreads=-1", "number"},
        {"-XX:UseSerialGC", "list"},
        {"-XX:+UseSerialGC2", "did you mean"},
        {"-Xintx", "did you mean"},
        {"-ea;x", "-ea"},
        {"-ea:", "colon"},
        {"-D", "list"},
        {"-D=x", "empty"},
        {"-Djava.class.path=/x", "--class-path"},
        {"vfprintf", "not an option"},
        {"exit", "not an option"},
        {"_x", "not an option"},
        {"-Xmx1g\n-XX:OnError=id", "control character"},
        {"", "list"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        if (java_option_check(bad[i].option, &err) != -EINVAL || !strstr(err.text, bad[i].word) ||
            strchr(err.text, '\n'))
            fail_msg("%s: %s", bad[i].option, err.text);
    }
}

static void test_properties_of_moat_s_own_are_refused(void **state)
{
    struct err err = {0};

    assert_int_equal(java_define_check("a.b=c", &err), 0);
    assert_int_equal(java_define_check("a.b", &err), 0);
    assert_int_equal(java_define_check("java.class.pathological=x", &err), 0);
    assert_int_equal(java_define_check("java.class.path", &err), -EINVAL);
    assert_int_equal(java_define_check("java.home=/x", &err), -EINVAL);
    assert_non_null(strstr(err.text, "--jdk"));
}

static void test_what_options_ask_for_is_read_and_the_last_counts(void **state)
{
    struct java_asked asked = {0};

    java_option_read("-Xmx64m", &asked);
    java_option_read("-Xmx128m", &asked);
    java_option_read("-XX:MaxDirectMemorySize=8m", &asked);
    java_option_read("-Xms32m", &asked);
    java_option_read("-XX:+UseParallelGC", &asked);
    java_option_read("-javaagent:/x.jar=a=b", &asked);
    assert_int_equal(asked.area[JAVA_HEAP], 128 << 20);
    assert_int_equal(asked.area[JAVA_DIRECT], 8 << 20);
    assert_int_equal(asked.area[JAVA_METASPACE], 0);
    assert_int_equal(asked.initial_heap, 32 << 20);
    assert_true(asked.collector);
    assert_false(asked.processors);
    assert_int_equal(asked.agent_length, strlen("/x.jar"));
}

static void test_variables_that_carry_options_are_known(void **state)
{
    assert_true(java_variable_is_hidden("JAVA_TOOL_OPTIONS=-Xint"));
    assert_true(java_variable_is_hidden("_JAVA_OPTIONS="));
    assert_true(java_variable_is_hidden("JDK_JAVA_OPTIONS=@x"));
    assert_false(java_variable_is_hidden("JAVA_TOOL_OPTIONS_2=x"));
    assert_false(java_variable_is_hidden("JAVA_HOME=/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_harmless_options_pass),
        cmocka_unit_test(test_others_are_refused_with_the_option_and_a_remedy),
        cmocka_unit_test(test_properties_of_moat_s_own_are_refused),
        cmocka_unit_test(test_what_options_ask_for_is_read_and_the_last_counts),
        cmocka_unit_test(test_variables_that_carry_options_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
