/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the main class and calls it, as the `java` launcher does: through sun.launcher.LauncherHelper, so that
 * manifests, modules, JavaFX and the texts of errors are the JDK's own. On the main thread.
 */
#include "jvm/hotspot.h"

#include <string.h>

#define HELPER       "sun/launcher/LauncherHelper"
#define WITH_STRINGS "([Ljava/lang/String;)V"
#define WITHOUT      "()V"

static bool is_ascii(const char *s)
{
    while (*s > 0)
        s++;
    return !*s;
}

/* A string of the command line. What is not ASCII is in the encoding of the locale, which LauncherHelper knows. NULL
 * with an exception. */
static jobject platform_string(jni_env *env, jobject helper, const char *s)
{
    if (is_ascii(s))
        return jni_new_string(env, s);
    int32_t n = (int32_t)strlen(s);
    jmember make = jni_static_method(env, helper, "makePlatformString", "(Z[B)Ljava/lang/String;");
    jobject bytes = make ? jni_new_bytes(env, n) : NULL;
    if (!bytes)
        return NULL;
    jni_bytes_set(env, bytes, 0, n, s);
    jobject string = jni_call_static(env, helper, make, (union jvalue[]){{.z = 1}, {.l = bytes}});
    jni_drop_local(env, bytes);
    return jni_exception_is(env) ? NULL : string;
}

static jobject platform_strings(const struct hotspot *h, jni_env *env, jobject helper, int argc, char **argv)
{
    jobject class = hotspot_class(h, env, "java/lang/String");
    jobject array = class ? jni_new_array(env, argc, class, NULL) : NULL;

    for (int i = 0; array && i < argc; i++) {
        jobject s = platform_string(env, helper, argv[i]);
        if (!s)
            return NULL;
        jni_array_set(env, array, i, s);
        jni_drop_local(env, s);
    }
    return array;
}

/* A flag that LauncherHelper sets when it has looked at the class; the default where this JDK has no such flag. */
static bool helper_flag(jni_env *env, jobject helper, const char *name, bool otherwise)
{
    jmember f = jni_static_field(env, helper, name, "Z");

    if (!f) {
        jni_exception_clear(env);
        return otherwise;
    }
    return jni_get_static_boolean(env, helper, f);
}

/* One of the four shapes that a main method has since JDK 21. False, without exception, where the class has it not. */
static bool call_main(jni_env *env, jobject class, bool is_static, bool with_strings, jobject strings)
{
    const char *signature = with_strings ? WITH_STRINGS : WITHOUT;
    const union jvalue arguments[] = {{.l = strings}};
    jmember main =
        is_static ? jni_static_method(env, class, "main", signature) : jni_method(env, class, "main", signature);

    if (!main) {
        jni_exception_clear(env);
        return false;
    }
    if (is_static) {
        jni_call_static_void(env, class, main, arguments);
        return true;
    }
    jmember constructor = jni_method(env, class, "<init>", WITHOUT);
    jobject object = constructor ? jni_new_object(env, class, constructor, NULL) : NULL;
    if (object)
        jni_call_void(env, object, main, arguments);
    return true;
}

static void call_some_main(jni_env *env, jobject helper, jobject class, jobject strings)
{
    bool is_static = helper_flag(env, helper, "isStaticMain", true);
    bool with_strings = !helper_flag(env, helper, "noArgMain", false);

    if (call_main(env, class, is_static, with_strings, strings))
        return;
    /* JDK 21 has no flags; its order is this one */
    if (!call_main(env, class, true, false, strings) && !call_main(env, class, false, true, strings))
        call_main(env, class, false, false, strings);
}

int hotspot_launch(struct hotspot *h, jni_env *env)
{
    jobject helper = hotspot_class(h, env, HELPER);
    jmember check =
        helper ? jni_static_method(env, helper, "checkAndLoadMain", "(ZILjava/lang/String;)Ljava/lang/Class;") : NULL;
    jobject what = check ? platform_string(env, helper, h->config->what) : NULL;

    if (!what)
        return 1;
    jobject class =
        jni_call_static(env, helper, check, (union jvalue[]){{.z = 1}, {.i = (int32_t)h->config->entry}, {.l = what}});
    jobject strings = class && !jni_exception_is(env)
                          ? platform_strings(h, env, helper, h->config->n_arguments, h->config->arguments)
                          : NULL; /* it said why not */
    if (!strings)
        return 1;
    call_some_main(env, helper, class, strings);
    return jni_exception_is(env) ? 1 : 0;
}
