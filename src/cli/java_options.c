/* SPDX-License-Identifier: Apache-2.0 */
/* See java_options.h. Trust: the options are the user's own; what they are kept from is undoing his own policy. */
#include "cli/java_options.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum value {
    VALUE_NONE,   /* the row is the whole option */
    VALUE_ANY,    /* anything may follow */
    VALUE_SOME,   /* something has to */
    VALUE_SIZE,   /* a size follows */
    VALUE_NUMBER, /* a whole number follows */
    VALUE_NAMES,  /* nothing, or ":" and names of packages and classes */
    VALUE_LOG,    /* as -Xlog has it, to the standard streams */
    VALUE_BOOL,   /* -XX:+NAME or -XX:-NAME; the row is NAME */
};

static const struct {
    const char *name;
    enum value value;
} accepted[] = {
    /* memory */
    {"-Xmx", VALUE_SIZE},
    {"-Xms", VALUE_SIZE},
    {"-Xmn", VALUE_SIZE},
    {"-Xss", VALUE_SIZE},
    {"-XX:MaxMetaspaceSize=", VALUE_SIZE},
    {"-XX:MetaspaceSize=", VALUE_SIZE},
    {"-XX:CompressedClassSpaceSize=", VALUE_SIZE},
    {"-XX:MaxDirectMemorySize=", VALUE_SIZE},
    {"-XX:ReservedCodeCacheSize=", VALUE_SIZE},
    {"-XX:InitialCodeCacheSize=", VALUE_SIZE},
    {"-XX:NewSize=", VALUE_SIZE},
    {"-XX:MaxNewSize=", VALUE_SIZE},
    {"-XX:G1HeapRegionSize=", VALUE_SIZE},
    {"-XX:NewRatio=", VALUE_NUMBER},
    {"-XX:SurvivorRatio=", VALUE_NUMBER},
    {"-XX:MinHeapFreeRatio=", VALUE_NUMBER},
    {"-XX:MaxHeapFreeRatio=", VALUE_NUMBER},
    {"AlwaysPreTouch", VALUE_BOOL},
    {"UseCompressedOops", VALUE_BOOL},
    {"UseCompressedClassPointers", VALUE_BOOL},
    {"UseCompactObjectHeaders", VALUE_BOOL},
    {"UseStringDeduplication", VALUE_BOOL},
    {"ExitOnOutOfMemoryError", VALUE_BOOL},
    {"HeapDumpOnOutOfMemoryError", VALUE_BOOL},
    {"-XX:HeapDumpPath=", VALUE_SOME},
    /* garbage collectors */
    {"UseSerialGC", VALUE_BOOL},
    {"UseParallelGC", VALUE_BOOL},
    {"UseG1GC", VALUE_BOOL},
    {"UseZGC", VALUE_BOOL},
    {"ZGenerational", VALUE_BOOL},
    {"UseShenandoahGC", VALUE_BOOL},
    {"UseEpsilonGC", VALUE_BOOL},
    {"DisableExplicitGC", VALUE_BOOL},
    {"UseAdaptiveSizePolicy", VALUE_BOOL},
    {"-XX:MaxGCPauseMillis=", VALUE_NUMBER},
    {"-XX:GCTimeRatio=", VALUE_NUMBER},
    {"-XX:ParallelGCThreads=", VALUE_NUMBER},
    {"-XX:ConcGCThreads=", VALUE_NUMBER},
    {"-XX:InitiatingHeapOccupancyPercent=", VALUE_NUMBER},
    {"-XX:ActiveProcessorCount=", VALUE_NUMBER},
    /* compilers */
    {"-Xint", VALUE_NONE},
    {"-Xcomp", VALUE_NONE},
    {"-Xmixed", VALUE_NONE},
    {"-Xbatch", VALUE_NONE},
    {"TieredCompilation", VALUE_BOOL},
    {"BackgroundCompilation", VALUE_BOOL},
    {"SegmentedCodeCache", VALUE_BOOL},
    {"-XX:TieredStopAtLevel=", VALUE_NUMBER},
    {"-XX:CICompilerCount=", VALUE_NUMBER},
    {"-XX:CompileThreshold=", VALUE_NUMBER},
    /* what programs need */
    {"-ea", VALUE_NAMES},
    {"-da", VALUE_NAMES},
    {"-enableassertions", VALUE_NAMES},
    {"-disableassertions", VALUE_NAMES},
    {"-esa", VALUE_NONE},
    {"-dsa", VALUE_NONE},
    {"-enablesystemassertions", VALUE_NONE},
    {"-disablesystemassertions", VALUE_NONE},
    {"--enable-preview", VALUE_NONE},
    {"--add-modules=", VALUE_SOME},
    {"--add-opens=", VALUE_SOME},
    {"--add-exports=", VALUE_SOME},
    {"--add-reads=", VALUE_SOME},
    {"--limit-modules=", VALUE_SOME},
    {"--enable-native-access=", VALUE_SOME},
    {"--illegal-native-access=", VALUE_SOME},
    {"--sun-misc-unsafe-memory-access=", VALUE_SOME},
    {"--finalization=", VALUE_SOME},
    {"-javaagent:", VALUE_SOME},
    {"-Xrs", VALUE_NONE},
    /* looking at it */
    {"-Xlog", VALUE_LOG},
    {"-verbose", VALUE_NAMES},
    {"-Xcheck:jni", VALUE_NONE},
    {"OmitStackTraceInFastThrow", VALUE_BOOL},
    {"ShowCodeDetailsInExceptionMessages", VALUE_BOOL},
    {"PrintCommandLineFlags", VALUE_BOOL},
    {"PrintFlagsFinal", VALUE_BOOL},
    {"UnlockExperimentalVMOptions", VALUE_BOOL},
    {"UnlockDiagnosticVMOptions", VALUE_BOOL},
    {"-XX:MaxJavaStackTraceDepth=", VALUE_NUMBER},
    {"-XX:NativeMemoryTracking=", VALUE_SOME},
    /* class data */
    {"-Xshare:auto", VALUE_NONE},
    {"-Xshare:on", VALUE_NONE},
    {"-Xshare:off", VALUE_NONE},
};

#define NATIVE   "native code of an agent is outside of what Java checks: -javaagent:JAR with the jar granted is Java"
#define PROGRAM  "it starts a program of the host, and a JVM has none to run: watch it from outside"
#define UNREAD   "options in a file are not checked: give each as --java-option"
#define DEBUG    "debuggers listen on the network, and the sandbox has none"
#define BOOT     "it puts classes among the JDK's own: --class-path"
#define SHARE    "moat makes and keeps the archive of classes itself: leave it out"
#define CHECKS   "the checks that it switches off are a wall: leave it out"
#define OURS     "moat says it: -m, -Xmx"
#define LAUNCHER "it is of the program java, which does not run here"
#define FILES    "it writes a file of its own: --java-option -Xlog:...:stdout"

/* By how it begins, for a reason of its own. */
static const struct {
    const char *begins, *why;
} refused[] = {
    {"-agentlib:", NATIVE},
    {"-agentpath:", NATIVE},
    {"-Xrun", NATIVE},
    {"-Xdebug", DEBUG},
    {"-Xbootclasspath", BOOT},
    {"--patch-module", BOOT},
    {"--upgrade-module-path", BOOT},
    {"-XX:OnError=", PROGRAM},
    {"-XX:OnOutOfMemoryError=", PROGRAM},
    {"@", UNREAD},
    {"-XX:Flags=", UNREAD},
    {"-XX:VMOptionsFile=", UNREAD},
    {"-XX:CompileCommandFile=", UNREAD},
    {"-XX:Shared", SHARE},
    {"-XX:ArchiveClassesAtExit=", SHARE},
    {"-XX:AOT", SHARE},
    {"-Xshare:dump", SHARE},
    {"-Xverify", CHECKS},
    {"-noverify", CHECKS},
    {"-XX:-BytecodeVerification", CHECKS},
    {"-XX:MaxRAM", OURS},
    {"-XX:InitialRAM", OURS},
    {"-XX:MinRAM", OURS},
    {"-XX:+UseContainerSupport", OURS},
    {"-XX:-UseContainerSupport", OURS},
    {"-XX:+UsePerfData", "its file in /tmp is seen by nobody: moat stats has the figures"},
    {"-Xloggc:", FILES},
    {"-XX:ErrorFile=", FILES},
    {"-XX:LogFile=", FILES},
    {"-XX:+LogCompilation", FILES},
    {"-XX:StartFlightRecording", "recordings begin in the program: jdk.jfr.Recording"},
    {"-cp", "--class-path says it"},
    {"-classpath", "--class-path says it"},
    {"--class-path", "--class-path says it, without --java-option"},
    {"-p", "--module-path says it"},
    {"--module-path", "--module-path says it, without --java-option"},
    {"-m", "--module says it"},
    {"--module", "--module says it, without --java-option"},
    {"-jar", "the jar is an operand: moat run -b jvm app.jar"},
    {"-version", LAUNCHER},
    {"-showversion", LAUNCHER},
    {"--version", LAUNCHER},
    {"--show-version", LAUNCHER},
    {"-help", LAUNCHER},
    {"--help", LAUNCHER},
    {"-X", LAUNCHER}, /* alone */
    {"--list-modules", LAUNCHER},
    {"--describe-module", LAUNCHER},
    {"--validate-modules", LAUNCHER},
    {"--dry-run", LAUNCHER},
    {"--source", LAUNCHER},
    {"-splash:", LAUNCHER},
    {"-Xdiag", LAUNCHER},
    {"-XshowSettings", LAUNCHER},
    {"-server", LAUNCHER},
    {"-client", LAUNCHER},
    {"-J", LAUNCHER},
    {"_", "it is not an option of Java"},
    {"vfprintf", "it is not an option of Java"},
    {"exit", "it is not an option of Java"},
    {"abort", "it is not an option of Java"},
};

static const struct {
    const char *name, *why;
} owned_properties[] = {
    {"java.class.path", "--class-path says it"},
    {"jdk.module.path", "--module-path says it"},
    {"jdk.module.main", "--module says it"},
    {"jdk.module.main.class", "--module NAME/CLASS says it"},
    {"jdk.module.upgrade.path", BOOT},
    {"java.home", "--jdk says it"},
    {"sun.java.command", "what runs says it"},
    {"sun.java.launcher", "moat is the launcher"},
    {"sun.nio.MaxDirectMemorySize", "--java-option -XX:MaxDirectMemorySize= says it"},
};

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* "[:WHAT[:OUTPUT[:DECORATORS[:OUTPUT-OPTIONS]]]]", as JEP 158 has it; a file's name may be in quotes. */
static const char *log_refusal(const char *value)
{
    static const char *const outputs[] = {"", "stdout", "stderr", "#0", "#1"};

    if (!*value)
        return NULL;
    if (*value != ':')
        return "it goes on with a colon, as in -Xlog:gc*";
    const char *output = strchr(value + 1, ':');
    size_t n = output ? strcspn(output + 1, ":") : 0;
    for (size_t i = 0; output && i < ARRAY_LEN(outputs); i++)
        if (strlen(outputs[i]) == n && !strncmp(output + 1, outputs[i], n))
            return NULL;
    return output ? "it may go to stdout or stderr only, as in -Xlog:gc*:stderr" : NULL;
}

static const char *value_refusal(enum value kind, const char *value)
{
    switch (kind) {
    case VALUE_SOME:
        return *value ? NULL : "the value is missing";
    case VALUE_SIZE:
        return java_size_parse(value) ? NULL : "the value is a size, digits and one of k, m, g";
    case VALUE_NUMBER:
        return *value && !value[strspn(value, "0123456789")] && strlen(value) < 10 ? NULL
                                                                                   : "the value is a whole number";
    case VALUE_NAMES:
        return !*value || (*value == ':' && value[1]) ? NULL : "names follow a colon";
    case VALUE_LOG:
        return log_refusal(value);
    default:
        return NULL;
    }
}

/* Behind the row's own part; NULL: it is another option. */
static const char *rest_of(size_t row, const char *option)
{
    const char *name = accepted[row].name;
    size_t n = strlen(name);

    if (accepted[row].value == VALUE_BOOL) {
        if (strncmp(option, "-XX:", 4) != 0 || (option[4] != '+' && option[4] != '-') || strcmp(option + 5, name) != 0)
            return NULL;
        return option + 5 + n;
    }
    if (strncmp(option, name, n) != 0)
        return NULL;
    bool ends = accepted[row].value == VALUE_NONE
                    ? !option[n]
                    : (accepted[row].value != VALUE_NAMES && accepted[row].value != VALUE_LOG) || !option[n] ||
                          option[n] == ':';
    return ends ? option + n : NULL;
}

static int refuse_unknown(const char *option, struct err *err)
{
    struct nearest near = {.wanted = option};
    char flag[96];

    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        if (accepted[i].value != VALUE_BOOL)
            nearest_try(&near, accepted[i].name);
    if (near.best)
        return err_set(err, -EINVAL, "--java-option %s: not in the checked list: did you mean %s?", option, near.best);
    if (!strncmp(option, "-XX:", 4) && (option[4] == '+' || option[4] == '-')) {
        struct nearest flags = {.wanted = option + 5};
        for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
            if (accepted[i].value == VALUE_BOOL)
                nearest_try(&flags, accepted[i].name);
        snprintf(flag, sizeof flag, "-XX:%c%s", option[4], flags.best ? flags.best : "");
        if (flags.best)
            return err_set(err, -EINVAL, "--java-option %s: not in the checked list: did you mean %s?", option, flag);
    }
    return err_set(err, -EINVAL,
                   "--java-option %s: not in the list of options that were found harmless: heap, stack and collector "
                   "sizes, -X..GC, -ea, --add-opens=, -Xlog: and the like; properties are -D NAME=VALUE",
                   option);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

int java_option_check(const char *option, struct err *err)
{
    for (const char *c = option; *c; c++)
        if ((unsigned char)*c < ' ')
            return err_set(err, -EINVAL, "--java-option: a control character is in it");
    if (!strncmp(option, "-D", 2) && option[2])
        return java_define_check(option + 2, err);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        const char *value = rest_of(i, option);
        const char *why = value ? value_refusal(accepted[i].value, value) : NULL;
        if (why)
            return err_set(err, -EINVAL, "--java-option %s: %s", option, why);
        if (value)
            return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        size_t n = strlen(refused[i].begins);
        bool whole = n == 2 && refused[i].begins[0] == '-'; /* -X, -p, -m are not the beginnings of others */
        if (whole ? !strcmp(option, refused[i].begins) : !strncmp(option, refused[i].begins, n))
            return err_set(err, -EINVAL, "--java-option %s is refused: %s", option, refused[i].why);
    }
    static const char *const two_words[] = {"--add-modules", "--add-opens",     "--add-exports",
                                            "--add-reads",   "--limit-modules", "--enable-native-access"};
    for (size_t i = 0; i < ARRAY_LEN(two_words); i++)
        if (!strcmp(option, two_words[i]))
            return err_set(err, -EINVAL, "--java-option %s: its value belongs to it: --java-option %s=VALUE", option,
                           option);
    return refuse_unknown(option, err);
}

int java_define_check(const char *define, struct err *err)
{
    size_t n = strcspn(define, "=");

    if (!n)
        return err_set(err, -EINVAL, "-D %s: the name of the property is empty", define);
    for (size_t i = 0; i < ARRAY_LEN(owned_properties); i++)
        if (strlen(owned_properties[i].name) == n && !strncmp(define, owned_properties[i].name, n))
            return err_set(err, -EINVAL, "-D %s is refused: %s", define, owned_properties[i].why);
    return 0;
}

void java_option_read(const char *option, struct java_asked *out)
{
    size_t n = strlen(option);

    for (int i = 0; i < JAVA_AREAS; i++) {
        const char *name = java_area_option((enum java_area)i);
        if (!strncmp(option, name, strlen(name)))
            out->area[i] = java_size_parse(option + strlen(name));
    }
    if (!strncmp(option, "-Xms", 4))
        out->initial_heap = java_size_parse(option + 4);
    if (!strncmp(option, "-XX:ActiveProcessorCount=", 25))
        out->processors = true;
    if (!strncmp(option, "-XX:+Use", 8) && n > 10 && !strcmp(option + n - 2, "GC"))
        out->collector = true;
    if (!strncmp(option, "-javaagent:", 11)) {
        out->agent = option + 11;
        out->agent_length = strcspn(out->agent, "=");
    }
}

bool java_variable_is_hidden(const char *entry)
{
    static const char *const names[] = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]);
        if (!strncmp(entry, names[i], n) && entry[n] == '=')
            return true;
    }
    return false;
}
