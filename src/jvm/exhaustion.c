/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of OutOfMemoryError. Pure. */
#include "jvm/exhaustion.h"

#include "base/mem.h"

#include <string.h>

static const struct {
    const char *part;
    enum jvm_end end;
} texts[] = {
    {"Java heap space", JVM_END_HEAP},
    {"GC overhead limit exceeded", JVM_END_HEAP},
    {"Metaspace", JVM_END_METASPACE},
    {"Compressed class space", JVM_END_METASPACE},
    {"direct buffer memory", JVM_END_DIRECT_MEMORY}, /* "Cannot reserve N bytes of", of java.nio.Bits */
    {"Direct buffer memory", JVM_END_DIRECT_MEMORY}, /* before JDK 13 */
    {"unable to create native thread", JVM_END_THREADS},
    {"unable to create new native thread", JVM_END_THREADS}, /* before JDK 9 */
    {"CodeCache", JVM_END_CODE_CACHE}, /* "Out of space in CodeCache for", adapters and method handles */
};

enum jvm_end jvm_end_of_text(const char *text)
{
    for (size_t i = 0; text && i < ARRAY_LEN(texts); i++) {
        if (strstr(text, texts[i].part))
            return texts[i].end;
    }
    return JVM_END_NONE;
}

enum jvm_end jvm_end_of_line(const char *line)
{
    static const char start[] = "Terminating due to java.lang.OutOfMemoryError: ";

    return !strncmp(line, start, strlen(start)) ? jvm_end_of_text(line + strlen(start)) : JVM_END_NONE;
}
