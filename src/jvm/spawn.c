/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that Java code starts. java.lang.ProcessImpl.forkAndExec makes the process by posix_spawn, vfork or fork, as
 * the property jdk.lang.Process.launchMechanism says; where the program is refused those fail with EACCES, and the JDK
 * makes its own exception of that. Called otherwise they are libc's, and meet the filter.
 */
#include "jvm/denials.h"
#include "jvm/jni.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTION  "Java_java_lang_ProcessImpl_forkAndExec"
#define SIGNATURE "(I[B[B[BI[BI[B[IZ)I" /* of JDK 8 to 25 */

/* The version that libc's dlsym has had from the start on. */
#ifdef __x86_64__
#define OLDEST "GLIBC_2.2.5"
#else
#define OLDEST "GLIBC_2.17"
#endif

typedef int32_t fork_and_exec(jni_env *env, jobject process, int32_t mode, jobject helper, jobject program,
                              jobject arguments, int32_t n_arguments, jobject environment, int32_t n_environment,
                              jobject directory, jobject descriptors, uint8_t joined);

static fork_and_exec *original;

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

static bool read_bytes(jni_env *env, jobject bytes, char out[ENGINE_PATH])
{
    int32_t n = bytes ? jni_array_length(env, bytes) : 0;

    if (n <= 0 || n >= ENGINE_PATH)
        return false;
    jni_bytes_get(env, bytes, 0, n, out);
    out[n] = 0;
    return true;
}

static bool can_be_run(const char *path)
{
    return access(path, X_OK) == 0;
}

/* Along $PATH, as the JDK looks: the first that can be run, or, where none can, where a Debian has its programs. */
static bool search(const char *program, char out[ENGINE_PATH])
{
    static const char likely[] = "/usr/bin";
    const char *path = getenv("PATH");

    for (const char *p = path; p && *p; p += *p == ':') {
        size_t n = strcspn(p, ":");
        if (snprintf(out, ENGINE_PATH, "%.*s/%s", (int)n, p, program) < ENGINE_PATH && can_be_run(out))
            return true;
        p += n;
    }
    snprintf(out, ENGINE_PATH, "%s/%.*s", likely, ENGINE_PATH - 16, program);
    return false;
}

/* Fills the program's path; whether it can be run as far as one sees. */
static bool locate(jni_env *env, const char *program, jobject directory, char out[ENGINE_PATH])
{
    char base[ENGINE_PATH];

    if (!strchr(program, '/'))
        return search(program, out);
    if (*program != '/' && read_bytes(env, directory, base) && *base == '/')
        return engine_path_clean(program, base, out) >= 0 && can_be_run(out);
    return denials_clean(program, out) >= 0 && can_be_run(out);
}

/* Whether the program is refused: then it is told. */
static bool is_refused(jni_env *env, jobject bytes, jobject directory)
{
    const struct jvm_config *c = denials_config();
    char program[ENGINE_PATH], path[ENGINE_PATH], sentence[ENGINE_SENTENCE];

    if (!c || !read_bytes(env, bytes, program))
        return false;
    bool runs = locate(env, program, directory, path);
    if (!c->no_exec && (runs || engine_rule_gives(engine_rule_find(&c->rules, path), ENGINE_EXECUTE)))
        return false; /* what goes wrong then is the program's own matter */
    engine_denial_sentence(&c->rules, "exec", path, ENGINE_READ | ENGINE_EXECUTE, sentence);
    denials_tell(sentence);
    return true;
}

static int32_t guarded(jni_env *env, jobject process, int32_t mode, jobject helper, jobject program, jobject arguments,
                       int32_t n_arguments, jobject environment, int32_t n_environment, jobject directory,
                       jobject descriptors, uint8_t joined)
{
    if (!jni_method(env, jni_class_of(env, process), "forkAndExec", SIGNATURE))
        return -1; /* NoSuchMethodError: a JDK that is newer than this file, and none of the arguments can be trusted */
    if (!is_refused(env, program, directory))
        return original(env, process, mode, helper, program, arguments, n_arguments, environment, n_environment,
                        directory, descriptors, joined);
    jobject class = jni_find_class(env, "java/io/IOException");
    if (class)
        jni_throw_new(env, class, "error=13, Permission denied");
    return -1;
}

/* ---- the wrap -----------------------------------------------------------------------------------------------------
 */

/* The virtual machine looks its native methods up by this. All other look-ups go on as they are, with nothing behind
 * them: libc must see the caller. */
DENIALS_EXPORT void *dlsym(void *restrict handle, const char *restrict name)
{
    static _Atomic(void *) at;
    void *libc_dlsym = atomic_load_explicit(&at, memory_order_acquire);

    if (!libc_dlsym) {
        libc_dlsym = dlvsym(RTLD_NEXT, "dlsym", OLDEST);
        atomic_store_explicit(&at, libc_dlsym, memory_order_release);
    }
    const struct jvm_config *c = denials_config();
    if (!c || (!c->no_exec && !c->rules.n) || strcmp(name, FUNCTION) != 0)
        return ((__typeof__(dlsym) *)libc_dlsym)(handle, name);
    original = (fork_and_exec *)((__typeof__(dlsym) *)libc_dlsym)(handle, name);
    return original ? (void *)guarded : NULL;
}
