/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tool interface of the running machine (JVMTI): the limits that it runs into, its collections, its figures when
 * the meter is asked, and the names of its classes when it goes down. Call-backs come on any thread; between the start
 * and the finish of a collection no other Java code runs, and nothing but this file's own words may be touched.
 */
#include "jvm/archive.h"
#include "jvm/exhaustion.h"
#include "jvm/hotspot.h"
#include "jvm/metering.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

static struct {
    const struct hotspot *h;
    uint64_t collection_began; /* collections do not overlap */
    _Atomic uint64_t collections, collection_ns;
} tools;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_collection_start(jvmti_env *t)
{
    tools.collection_began = now_ns();
}

static void on_collection_finish(jvmti_env *t)
{
    tools.collections++;
    tools.collection_ns += now_ns() - tools.collection_began;
}

static void on_exhausted(jvmti_env *t, jni_env *env, int32_t flags, const void *reserved, const char *text)
{
    enum jvm_end end = jvm_end_of_text(text);

    if (!end)
        end = flags & JVMTI_EXHAUSTED_HEAP      ? JVM_END_HEAP
              : flags & JVMTI_EXHAUSTED_THREADS ? JVM_END_THREADS
                                                : JVM_END_NONE;
    jvm_metering_exhausted(end);
}

static void on_death(jvmti_env *t, jni_env *env)
{
    archive_list(t);
}

/* Each event with what it needs. */
struct event {
    enum jvmti_event number;
    uint64_t capability;
    void *call_back;
};

static const struct event events[] = {
    {JVMTI_EVENT_COLLECTION_START, JVMTI_CAN_GARBAGE_COLLECTION, (void *)on_collection_start},
    {JVMTI_EVENT_COLLECTION_FINISH, JVMTI_CAN_GARBAGE_COLLECTION, (void *)on_collection_finish},
    {JVMTI_EVENT_RESOURCE_EXHAUSTED, JVMTI_CAN_EXHAUSTED_HEAP | JVMTI_CAN_EXHAUSTED_THREADS, (void *)on_exhausted},
    {JVMTI_EVENT_VM_DEATH, 0, (void *)on_death},
};

static void enable(jvmti_env *t, bool list_classes)
{
    static void *call_backs[JVMTI_EVENT_LAST - JVMTI_EVENT_FIRST + 1];
    struct jvmti_capabilities capabilities = {0};
    size_t n = ARRAY_LEN(events) - !list_classes;

    for (size_t i = 0; i < n; i++) {
        capabilities.bits[0] |= events[i].capability;
        call_backs[events[i].number - JVMTI_EVENT_FIRST] = events[i].call_back;
    }
    if (jvmti_add_capabilities(t, &capabilities) != JNI_OK ||
        jvmti_call_backs(t, call_backs, (int32_t)sizeof call_backs) != JNI_OK)
        return; /* figures are there without them */
    for (size_t i = 0; i < n; i++)
        jvmti_event_on(t, 1, events[i].number, NULL);
}

/* The interface; made by the first who asks, on a thread of Java. NULL where the machine has none. */
jvmti_env *hotspot_tools(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static jvmti_env *made;
    static bool tried;

    pthread_mutex_lock(&lock);
    if (!tried && jni_vm_env(tools.h->vm, (void **)&made, JVMTI_VERSION_9) != JNI_OK)
        made = NULL;
    if (!tried && made && jvm_metering_on())
        enable(made, tools.h->config->list_classes);
    tried = true;
    pthread_mutex_unlock(&lock);
    return made;
}

void hotspot_tools_begin(struct hotspot *h)
{
    tools.h = h;
    if (h->config->list_classes) /* costs the start a millisecond or two: a command is asked once, or twice */
        hotspot_tools();
}

static int64_t call_long(jni_env *env, jobject o, jobject class, const char *name)
{
    jmember m = jni_method(env, class, name, "()J");

    return m ? jni_call_long(env, o, m, NULL) : 0;
}

static void measure_heap(const struct hotspot *h, jni_env *env, struct jvm_meter *page)
{
    jobject class = hotspot_class(h, env, "java/lang/Runtime");
    jmember get = class ? jni_static_method(env, class, "getRuntime", "()Ljava/lang/Runtime;") : NULL;
    jobject runtime = get ? jni_call_static(env, class, get, NULL) : NULL;

    if (!runtime || jni_exception_is(env))
        return;
    uint64_t total = (uint64_t)call_long(env, runtime, class, "totalMemory");
    uint64_t free = (uint64_t)call_long(env, runtime, class, "freeMemory");
    page->heap_committed = total;
    page->heap_used = free < total ? total - free : 0;
    page->heap_max = (uint64_t)call_long(env, runtime, class, "maxMemory");
}

static void measure_tools(jvmti_env *t, struct jvm_meter *page)
{
    jobject *list;
    int32_t n;

    if (jvmti_threads(t, &n, &list) == JNI_OK) {
        page->threads = n > 0 ? (uint64_t)n - 1 : 0; /* less the one that counts */
        jvmti_release(t, list);
    }
    if (jvmti_classes(t, &n, &list) == JNI_OK) {
        page->classes = (uint64_t)n;
        jvmti_release(t, list);
    }
    page->collections = tools.collections;
    page->collection_ns = tools.collection_ns;
}

int hotspot_tools_measure(struct hotspot *h, struct jvm_meter *page)
{
    struct jni_attach_args args = {.version = JNI_VERSION_9, .name = "moat meter"};
    jni_env *env;

    if (!h->runs || jni_vm_attach_daemon(h->vm, (void **)&env, &args) != JNI_OK)
        return -EAGAIN;
    measure_heap(h, env, page);
    jvmti_env *t = hotspot_tools();
    if (t)
        measure_tools(t, page);
    if (jni_exception_is(env))
        jni_exception_clear(env);
    jni_vm_detach(h->vm);
    return 0;
}

/* ---- where a thread is --------------------------------------------------------------------------------------------
 */

/* A method is of the class that ends so, and of that name (NULL: any). */
static bool is_of(jvmti_env *t, jmember method, const char *wanted_class, const char *wanted_name)
{
    char *name, *class_name;
    jobject class;
    bool is = false;

    if (jvmti_method_name(t, method, &name, NULL, NULL) != JNI_OK)
        return false;
    if ((!wanted_name || !strcmp(name, wanted_name)) && jvmti_method_class(t, method, &class) == JNI_OK &&
        jvmti_class_signature(t, class, &class_name, NULL) == JNI_OK) {
        size_t n = strlen(class_name), wanted = strlen(wanted_class);
        is = n >= wanted && !strcmp(class_name + n - wanted, wanted_class);
        jvmti_release(t, class_name);
    }
    jvmti_release(t, name);
    return is;
}

static bool is_thread_of_java(void)
{
    jni_env *env;

    return tools.h && tools.h->runs && jni_vm_env(tools.h->vm, (void **)&env, JNI_VERSION_9) == JNI_OK;
}

static bool stack_has(const char *class_name, const char *name)
{
    jvmti_env *t = is_thread_of_java() ? hotspot_tools() : NULL;
    struct jvmti_frame frames[24];
    int32_t n = 0;

    if (!t || jvmti_stack(t, NULL, 0, ARRAY_LEN(frames), frames, &n) != JNI_OK)
        return false;
    for (int32_t i = 0; i < n; i++) {
        if (is_of(t, frames[i].method, class_name, name))
            return true;
    }
    return false;
}

bool hotspot_is_loading(void)
{
    return stack_has("Ljava/lang/Runtime;", "load0");
}

bool hotspot_is_finding_classes(void)
{
    return stack_has("/URLClassPath$JarLoader;", NULL);
}

/* ---- what was not caught ------------------------------------------------------------------------------------------
 */

static enum jvm_end end_of_one(const struct hotspot *h, jni_env *env, jobject thrown, jobject throwable)
{
    char text[256];
    jobject error = hotspot_class(h, env, "java/lang/OutOfMemoryError");

    if (!error || !jni_is_instance(env, thrown, error))
        return JVM_END_NONE;
    jmember field = jni_field(env, throwable, "detailMessage", "Ljava/lang/String;");
    jobject message =
        field ? jni_get_object(env, thrown, field) : NULL; /* no method: there may be no heap to run one */
    if (!message)
        return JVM_END_NONE;
    int32_t n = jni_string_length(env, message), most = (int32_t)(sizeof text - 1) / 3;
    memset(text, 0, sizeof text);
    jni_string_region(env, message, 0, n < most ? n : most, text); /* at most 3 bytes a character */
    return jvm_end_of_text(text);
}

enum jvm_end hotspot_end_of(const struct hotspot *h, jni_env *env, jobject thrown)
{
    enum jvm_end end = JVM_END_NONE;

    jni_exception_clear(env);
    jobject throwable = hotspot_class(h, env, "java/lang/Throwable");
    jmember cause = throwable ? jni_field(env, throwable, "cause", "Ljava/lang/Throwable;") : NULL;
    jobject one = cause ? thrown : NULL;
    for (int depth = 0; one && !end && depth < 8; depth++) { /* a cause may be its own */
        end = end_of_one(h, env, one, throwable);
        one = jni_get_object(env, one, cause);
    }
    jni_exception_clear(env);
    jni_throw(env, thrown);
    return end;
}
