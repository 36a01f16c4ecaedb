/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libjvm.so is called: the Java Native Interface (JNI specification, chapters 4 and 5) and the tool interface
 * (JVMTI), as far as the engine uses them. Both are tables of functions whose places are fixed for ever; a row here is
 * a place and a type, so no JDK is needed to build. An object is a handle that is good on the thread that got it, until
 * that thread's native call ends.
 */
#ifndef MOAT_JVM_JNI_H
#define MOAT_JVM_JNI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JNI_OK          0
#define JNI_VERSION_1_1 0x00010001
#define JNI_VERSION_9   0x00090000
#define JVMTI_VERSION_9 0x30090000

typedef struct jobject_tag *jobject;
typedef struct jmember_tag *jmember; /* a method or a field */

union jvalue {
    uint8_t z;
    int32_t i;
    int64_t j;
    jobject l;
};

typedef struct jni_env {
    void *const *f;
} jni_env;

typedef struct jni_vm {
    void *const *f;
} jni_vm;

struct jni_vm_option {
    char *text;
    void *extra;
};

struct jni_vm_args {
    int32_t version;
    int32_t n_options;
    struct jni_vm_option *options;
    uint8_t ignore_unknown;
};

/* What JNI_GetDefaultJavaVMInitArgs fills for JNI_VERSION_1_1: asked for one field alone. */
struct jni_default_args {
    int32_t version;
    char **properties;
    int32_t check_source, native_stack, java_stack;
    char rest[128];
};
_Static_assert(offsetof(struct jni_default_args, java_stack) == 24, "the layout of JDK 1.1");

struct jni_attach_args {
    int32_t version;
    const char *name;
    jobject group;
};

/* One row a function: name, place in the table, result, parameters, arguments. */
#define JNI_CALL(name, place, result, parameters, ...)                                                                 \
    static inline result jni_##name parameters                                                                         \
    {                                                                                                                  \
        return ((result(*) parameters)env->f[place])(__VA_ARGS__);                                                     \
    }

JNI_CALL(find_class, 6, jobject, (jni_env * env, const char *name), env, name)
JNI_CALL(throw, 13, int32_t, (jni_env * env, jobject thrown), env, thrown)
JNI_CALL(throw_new, 14, int32_t, (jni_env * env, jobject class, const char *text), env, class, text)
JNI_CALL(exception, 15, jobject, (jni_env * env), env)
JNI_CALL(exception_clear, 17, void, (jni_env * env), env)
JNI_CALL(drop_local, 23, void, (jni_env * env, jobject o), env, o)
JNI_CALL(new_object, 30, jobject, (jni_env * env, jobject class, jmember m, const union jvalue *v), env, class, m, v)
JNI_CALL(class_of, 31, jobject, (jni_env * env, jobject o), env, o)
JNI_CALL(is_instance, 32, uint8_t, (jni_env * env, jobject o, jobject class), env, o, class)
JNI_CALL(method, 33, jmember, (jni_env * env, jobject class, const char *name, const char *sig), env, class, name, sig)
JNI_CALL(call_long, 54, int64_t, (jni_env * env, jobject o, jmember m, const union jvalue *v), env, o, m, v)
JNI_CALL(call_void, 63, void, (jni_env * env, jobject o, jmember m, const union jvalue *v), env, o, m, v)
JNI_CALL(field, 94, jmember, (jni_env * env, jobject class, const char *name, const char *sig), env, class, name, sig)
JNI_CALL(get_object, 95, jobject, (jni_env * env, jobject o, jmember f), env, o, f)
JNI_CALL(static_method, 113, jmember, (jni_env * env, jobject class, const char *name, const char *sig), env, class,
         name, sig)
JNI_CALL(call_static, 116, jobject, (jni_env * env, jobject class, jmember m, const union jvalue *v), env, class, m, v)
JNI_CALL(call_static_void, 143, void, (jni_env * env, jobject class, jmember m, const union jvalue *v), env, class, m,
         v)
JNI_CALL(static_field, 144, jmember, (jni_env * env, jobject class, const char *name, const char *sig), env, class,
         name, sig)
JNI_CALL(get_static_boolean, 146, uint8_t, (jni_env * env, jobject class, jmember f), env, class, f)
JNI_CALL(string_length, 164, int32_t, (jni_env * env, jobject s), env, s)
JNI_CALL(new_string, 167, jobject, (jni_env * env, const char *utf8), env, utf8)
JNI_CALL(array_length, 171, int32_t, (jni_env * env, jobject array), env, array)
JNI_CALL(new_array, 172, jobject, (jni_env * env, int32_t n, jobject class, jobject fill), env, n, class, fill)
JNI_CALL(array_set, 174, void, (jni_env * env, jobject array, int32_t i, jobject o), env, array, i, o)
JNI_CALL(new_bytes, 176, jobject, (jni_env * env, int32_t n), env, n)
JNI_CALL(bytes_get, 200, void, (jni_env * env, jobject array, int32_t at, int32_t n, void *to), env, array, at, n, to)
JNI_CALL(bytes_set, 208, void, (jni_env * env, jobject array, int32_t at, int32_t n, const void *from), env, array, at,
         n, from)
JNI_CALL(string_region, 221, void, (jni_env * env, jobject s, int32_t at, int32_t n, char *to), env, s, at, n, to)
JNI_CALL(exception_is, 228, uint8_t, (jni_env * env), env)

JNI_CALL(vm_destroy, 3, int32_t, (jni_vm * env), env)
JNI_CALL(vm_detach, 5, int32_t, (jni_vm * env), env)
JNI_CALL(vm_env, 6, int32_t, (jni_vm * env, void **out, int32_t version), env, out, version)
JNI_CALL(vm_attach_daemon, 7, int32_t, (jni_vm * env, void **out, struct jni_attach_args *args), env, out, args)

/* JVMTI. Places are the numbers of the specification less one; capabilities are bits of a record of 128. */
typedef struct jvmti_env {
    void *const *f;
} jvmti_env;

struct jvmti_capabilities {
    uint64_t bits[2];
};
#define JVMTI_CAN_GARBAGE_COLLECTION (1ull << 31)
#define JVMTI_CAN_EXHAUSTED_HEAP     (1ull << 39)
#define JVMTI_CAN_EXHAUSTED_THREADS  (1ull << 40)

enum jvmti_event { /* and places in the table of call-backs, less the first */
                   JVMTI_EVENT_FIRST = 50,
                   JVMTI_EVENT_VM_DEATH = 51,
                   JVMTI_EVENT_RESOURCE_EXHAUSTED = 80,
                   JVMTI_EVENT_COLLECTION_START = 81,
                   JVMTI_EVENT_COLLECTION_FINISH = 82,
                   JVMTI_EVENT_LAST = 88,
};
#define JVMTI_EXHAUSTED_HEAP    2
#define JVMTI_EXHAUSTED_THREADS 4

struct jvmti_frame {
    jmember method;
    int64_t place;
};

#define JVMTI_CALL(name, number, parameters, ...)                                                                      \
    static inline int32_t jvmti_##name parameters                                                                      \
    {                                                                                                                  \
        return ((int32_t(*) parameters)env->f[(number)-1])(__VA_ARGS__);                                               \
    }

/* A NULL thread: all of them, or the caller's. */
JVMTI_CALL(event_on, 2, (jvmti_env * env, int32_t on, int32_t event, jobject thread), env, on, event, thread)
JVMTI_CALL(threads, 4, (jvmti_env * env, int32_t *n, jobject **threads), env, n, threads)
JVMTI_CALL(release, 47, (jvmti_env * env, void *memory), env, memory)
JVMTI_CALL(class_signature, 48, (jvmti_env * env, jobject class, char **signature, char **generic), env, class,
           signature, generic)
JVMTI_CALL(class_loader, 57, (jvmti_env * env, jobject class, jobject *loader), env, class, loader)
JVMTI_CALL(method_name, 64, (jvmti_env * env, jmember m, char **name, char **signature, char **generic), env, m, name,
           signature, generic)
JVMTI_CALL(method_class, 65, (jvmti_env * env, jmember m, jobject *class), env, m, class)
JVMTI_CALL(classes, 78, (jvmti_env * env, int32_t *n, jobject **classes), env, n, classes)
JVMTI_CALL(stack, 104,
           (jvmti_env * env, jobject thread, int32_t first, int32_t max, struct jvmti_frame *out, int32_t *n), env,
           thread, first, max, out, n)
JVMTI_CALL(call_backs, 122, (jvmti_env * env, void *const *table, int32_t size), env, table, size)
JVMTI_CALL(add_capabilities, 142, (jvmti_env * env, const struct jvmti_capabilities *wanted), env, wanted)

#endif
