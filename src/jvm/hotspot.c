/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine `hotspot`: the libjvm.so of a JDK, made by the JNI invocation interface. It runs behind the broker's walls
 * with the program's own rights; nothing in here is trusted by moat.
 */
#include "jvm/hotspot.h"
#include "base/mem.h"
#include "jvm/archive.h"
#include "jvm/engine.h"
#include "jvm/exhaustion.h"
#include "jvm/metering.h"
#include "jvm/places.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_LEAST ((size_t)64 << 10) /* as the java launcher has it */

static struct hotspot the_one;

static int open_library(struct hotspot *h, struct err *err)
{
    static const char *const places[] = JVM_PLACES;
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int n = snprintf(path, sizeof path, "%s/%s/libjvm.so", h->config->jdk, places[i]);
        if (n < (int)sizeof path && access(path, F_OK) == 0) {
            h->library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
            const char *why = h->library ? NULL : dlerror();
            return h->library ? 0 : err_set(err, -ENOEXEC, "%s", why ? why : path);
        }
    }
    return err_set(err, -ENOENT, "%s has no lib/server/libjvm.so: --jdk DIR names a JDK", h->config->jdk);
}

static int create(const struct jvm_config *config, void **vm, struct err *err)
{
    struct hotspot *h = &the_one;
    struct jni_default_args defaults = {.version = JNI_VERSION_1_1};

    h->config = config;
    int r = open_library(h, err);
    if (r < 0)
        return r;
    int32_t (*ask)(void *) = (int32_t(*)(void *))dlsym(h->library, "JNI_GetDefaultJavaVMInitArgs");
    h->make = (int32_t(*)(jni_vm **, void **, void *))dlsym(h->library, "JNI_CreateJavaVM");
    h->boot_class = (jobject(*)(jni_env *, const char *))dlsym(h->library, "JVM_FindClassFromBootLoader");
    if (!h->make || !ask)
        return err_set(err, -ENOEXEC, "the libjvm.so of %s has no JNI_CreateJavaVM: --jdk DIR names a JDK",
                       config->jdk);
    h->stack = jvm_config_stack(config);
    if (!h->stack) {
        ask(&defaults); /* -Xss is not among what it knows */
        h->stack = defaults.java_stack > 0 ? (size_t)defaults.java_stack : 0;
    }
    if (h->stack && h->stack < STACK_LEAST)
        h->stack = STACK_LEAST;
    *vm = h;
    return 0;
}

/* "what argument argument": the property sun.java.command. */
static char *command_text(const struct jvm_config *c)
{
    size_t n = strlen(c->what) + sizeof "-Dsun.java.command=";

    for (int i = 0; i < c->n_arguments; i++)
        n += 1 + strlen(c->arguments[i]);
    char *text = malloc(n), *p = text;
    if (!text)
        return NULL;
    p = stpcpy(stpcpy(p, "-Dsun.java.command="), c->what);
    for (int i = 0; i < c->n_arguments; i++) {
        *p++ = ' ';
        p = stpcpy(p, c->arguments[i]);
    }
    return text;
}

/* The machine's own words come through here where it is to exit at an OutOfMemoryError: it does so by _exit(2), and
 * tells which one in this line alone. */
__attribute__((format(printf, 2, 0))) static int32_t print(FILE *to, const char *format, va_list ap)
{
    char line[512];
    va_list copy;

    va_copy(copy, ap);
    vsnprintf(line, sizeof line, format, copy);
    va_end(copy);
    jvm_metering_end(jvm_end_of_line(line));
    return vdprintf(fileno(to), format, ap);
}

/* The options of the virtual machine: the caller's, and the properties that the java launcher sets. -ENOMEM. */
static int collect_options(const struct jvm_config *c, struct jni_vm_args *args)
{
    struct jni_vm_option *o = calloc((size_t)c->n_options + 6, sizeof *o);
    char *path = NULL, *module = NULL, *command = command_text(c);
    int n = 0;

    if (c->entry == JVM_ENTRY_JAR && asprintf(&path, "-Djava.class.path=%s", c->what) < 0)
        path = NULL;
    else if (c->entry == JVM_ENTRY_CLASS && !jvm_config_has_option(c, "-Djava.class.path="))
        path = strdup("-Djava.class.path=.");
    else if (c->entry == JVM_ENTRY_MODULE &&
             asprintf(&module, "-Djdk.module.main=%.*s", (int)strcspn(c->what, "/"), c->what) < 0)
        module = NULL;
    if (!o || !command || (c->entry == JVM_ENTRY_JAR && !path) || (c->entry == JVM_ENTRY_MODULE && !module)) {
        free(o), free(command), free(path), free(module);
        return -ENOMEM;
    }
    if (jvm_metering_on()) /* it would print that it told us of an exhausted limit */
        o[n++].text = (char *)"-Xlog:jvmti=off";
    for (int i = 0; i < c->n_options; i++)
        o[n++].text = c->options[i];
    if (path)
        o[n++].text = path;
    if (module)
        o[n++].text = module;
    o[n++].text = command;
    o[n++].text = (char *)"-Dsun.java.launcher=SUN_STANDARD";
    if (jvm_config_has_option(c, "-XX:+ExitOnOutOfMemoryError"))
        o[n++] = (struct jni_vm_option){(char *)"vfprintf", (void *)print};
    *args = (struct jni_vm_args){.version = JNI_VERSION_9, .options = o, .n_options = n};
    return 0;
}

static void say_end(const struct hotspot *h, jni_env *env)
{
    jobject thrown = jni_exception(env);

    if (thrown)
        jvm_metering_end(hotspot_end_of(h, env, thrown));
}

/* The thread that the program sees as "main". Its stack is of the size that Java threads have; the primordial thread's
 * is the caller's limit, and grows into what the virtual machine does not expect. */
static void *main_thread(void *context)
{
    struct hotspot *h = context;
    struct jni_vm_args args;
    jni_env *env = NULL;

    h->result = collect_options(h->config, &args);
    if (h->result < 0) {
        err_set(&h->err, h->result, "no memory for the options of the virtual machine");
        return NULL;
    }
    int32_t r = h->make(&h->vm, (void **)&env, &args);
    if (r != JNI_OK) {
        h->result = err_set(&h->err, -EINVAL, "the Java virtual machine could not be made (JNI error %d)", r);
        return NULL;
    }
    hotspot_tools_begin(h);
    h->runs = true;
    jvm_metering_state(JVM_STATE_RUNNING);
    archive_note(h, env);
    if (!archive_is_written(h->config))
        h->status = hotspot_launch(h, env);
    say_end(h, env);
    /* Detaching hands what was not caught to the thread's handler, which prints it. */
    if (jni_vm_detach(h->vm) != JNI_OK)
        h->status = 1;
    jni_vm_destroy(h->vm); /* waits for the threads that are no daemons */
    return NULL;
}

static int run(void *vm, int *status, struct err *err)
{
    struct hotspot *h = vm;
    pthread_attr_t attributes;
    pthread_t thread;

    if (h->config->entry == JVM_ENTRY_JAR &&
        access(h->config->what, R_OK) < 0) { /* java's words, before LauncherHelper */
        fprintf(stderr, "Error: Unable to access jarfile %s\n", h->config->what);
        *status = 1;
        return 0;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setguardsize(&attributes, 0); /* the virtual machine makes its own */
    if (h->stack)
        pthread_attr_setstacksize(&attributes, h->stack); /* what is refused leaves the default */
    int r = pthread_create(&thread, &attributes, main_thread, h);
    pthread_attr_destroy(&attributes);
    if (r)
        return err_sys(err, -r, "the main thread, with a stack of %zu bytes", h->stack);
    pthread_join(thread, NULL);
    if (h->result < 0) {
        *err = h->err;
        return h->result;
    }
    *status = h->status;
    return 0;
}

static int meter(void *vm, struct jvm_meter *page)
{
    return hotspot_tools_measure(vm, page);
}

/* A thread of Java cannot be ended from outside, and the process holds nothing else. */
static void kill_all(void *vm)
{
    kill(getpid(), SIGKILL);
}

static void destroy(void *vm)
{
    /* run did it: libjvm.so stays mapped, and a second machine cannot be made in the same process */
}

const struct jvm_engine jvm_hotspot = {
    .name = "hotspot", .create = create, .run = run, .meter = meter, .kill = kill_all, .destroy = destroy};
