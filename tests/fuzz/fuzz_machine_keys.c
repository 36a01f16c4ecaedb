/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of any bytes: as a terminal's, as a combination of names, as characters. What comes out are keys that there are,
 * each pressed and released; what is refused is pointed at within the text.
 */
#include "input.h"
#include "machine/dev/i8042.h"
#include "machine/keys.h"

static void hold(const uint16_t *keys, unsigned n)
{
    check(n <= 2 * KEYS_MOST && n % 2 == 0);
    for (unsigned i = 0; i < n / 2; i++) {
        check(i8042_is_key(keys[i]) && !(keys[i] & KEY_RELEASE));
        check(keys[n - 1 - i] == (keys[i] | KEY_RELEASE));
    }
}

static void as_terminal(const uint8_t *data, size_t size)
{
    struct keys_terminal t = {.n = 0};
    uint16_t keys[2 * KEYS_MOST];

    for (size_t i = 0; i < size; i++) {
        hold(keys, keys_of_byte(&t, data[i], keys));
        check(t.n <= sizeof(t.sequence));
        if (data[i] == 0xff)
            hold(keys, keys_timeout(&t, keys));
    }
    hold(keys, keys_timeout(&t, keys));
    check(t.n == 0);
}

static void as_names(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    const char *bad = NULL;
    uint16_t keys[2 * KEYS_MOST];
    size_t length = 0;

    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    const unsigned n = keys_of_names(text, keys, &bad, &length);
    hold(keys, n);
    check(n != 0 || (bad >= text && length <= strlen(text) && (size_t)(bad - text) <= strlen(text) - length));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint16_t keys[2 * KEYS_MOST];

    as_terminal(data, size);
    as_names(data, size);
    while (in.left > 0)
        hold(keys, keys_of_character((uint32_t)take(&in, 3), keys));
    return 0;
}
