/* SPDX-License-Identifier: Apache-2.0 */
/* See archive.h. On threads of Java: the main one, and the one that takes the machine down. */
#include "jvm/archive.h"
#include "jvm/metering.h"

#include <string.h>

bool archive_is_written(const struct jvm_config *c)
{
    return jvm_config_has_option(c, "-Xshare:dump");
}

/* "mixed mode, sharing": the machine says it in its own property, before a class of the program is loaded. */
void archive_note(const struct hotspot *h, jni_env *env)
{
    char text[128] = "";

    if (!jvm_metering_on() || !jvm_config_has_option(h->config, "-XX:SharedArchiveFile="))
        return;
    jobject class = hotspot_class(h, env, "java/lang/System");
    jmember get = class ? jni_static_method(env, class, "getProperty", "(Ljava/lang/String;)Ljava/lang/String;") : NULL;
    jobject name = get ? jni_new_string(env, "java.vm.info") : NULL;
    jobject info = name ? jni_call_static(env, class, get, (union jvalue[]){{.l = name}}) : NULL;
    int32_t n = info && !jni_exception_is(env) ? jni_string_length(env, info) : 0;
    int32_t most = (int32_t)(sizeof text - 1) / 3; /* at most 3 bytes a character */

    if (n > 0)
        jni_string_region(env, info, 0, n < most ? n : most, text);
    if (jni_exception_is(env))
        jni_exception_clear(env);
    else
        jvm_metering_sharing(strstr(text, "sharing") != NULL);
}

/* "Ljava/lang/Object;" is named java/lang/Object. What was made while the program ran can be in no list: hidden classes
 * (with a dot in their signature), and arrays. */
static void list_class(jvmti_env *t, jobject class, char *signature)
{
    size_t n = strlen(signature);
    jobject loader = NULL;

    if (n < 3 || signature[0] != 'L' || signature[n - 1] != ';' || memchr(signature, '.', n) ||
        strstr(signature, "$$Lambda"))
        return;
    if (jvmti_class_loader(t, class, &loader) != JNI_OK || !loader) {
        jvm_metering_list(signature + 1, n - 2);
        return;
    }
    signature[0] = '+';
    jvm_metering_list(signature, n - 1);
}

void archive_list(jvmti_env *t)
{
    jobject *classes;
    int32_t n;

    if (jvmti_classes(t, &n, &classes) != JNI_OK)
        return;
    for (int32_t i = 0; i < n; i++) {
        char *signature;
        if (jvmti_class_signature(t, classes[i], &signature, NULL) != JNI_OK)
            continue;
        list_class(t, classes[i], signature);
        jvmti_release(t, signature);
    }
    jvmti_release(t, classes);
}
