/* SPDX-License-Identifier: Apache-2.0 */
/* The class list of a run: whatever it holds, what is left are lines of the characters that names of classes have, in
 * no more bytes than there were, and a second look takes all of them. */
#include "classcache/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$0123456789-/\n";
    char *text = malloc(size + 1);

    check(text != NULL);
    if (size)
        memcpy(text, data, size);
    struct class_names first = class_names_take(text, size);
    check(first.length <= size && first.application <= first.classes);
    for (size_t i = 0; i < first.length; i++)
        check(text[i] && strchr(letters, text[i]) != NULL && (text[i] != '-' || (i && text[i - 1] != '\n')));
    check(!first.length || text[first.length - 1] == '\n');
    struct class_names second = class_names_take(text, first.length);
    check(second.length == first.length && second.classes == first.classes && !second.dropped);
    free(text);
    return 0;
}
