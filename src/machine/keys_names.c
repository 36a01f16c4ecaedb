/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys' names, as QEMU's sendkey has them so that people need not learn others, and combinations of them. Pure.
 */
#include "machine/keys.h"

#include <string.h>

#define E KEY_EXTENDED

static const struct {
    const char *name;
    uint16_t key;
} names[] = {
    {"ctrl", 0x1d},
    {"shift", 0x2a},
    {"alt", 0x38},
    {"ctrl_r", E | 0x1d},
    {"shift_r", 0x36},
    {"alt_r", E | 0x38},
    {"meta_l", E | 0x5b},
    {"meta_r", E | 0x5c},
    {"menu", E | 0x5d},
    {"ret", 0x1c},
    {"enter", 0x1c},
    {"spc", 0x39},
    {"space", 0x39},
    {"esc", 0x01},
    {"tab", 0x0f},
    {"backspace", 0x0e},
    {"insert", E | 0x52},
    {"delete", E | 0x53},
    {"del", E | 0x53},
    {"home", E | 0x47},
    {"end", E | 0x4f},
    {"pgup", E | 0x49},
    {"pgdn", E | 0x51},
    {"up", E | 0x48},
    {"down", E | 0x50},
    {"left", E | 0x4b},
    {"right", E | 0x4d},
    {"f1", 0x3b},
    {"f2", 0x3c},
    {"f3", 0x3d},
    {"f4", 0x3e},
    {"f5", 0x3f},
    {"f6", 0x40},
    {"f7", 0x41},
    {"f8", 0x42},
    {"f9", 0x43},
    {"f10", 0x44},
    {"f11", 0x57},
    {"f12", 0x58},
    {"minus", 0x0c},
    {"equal", 0x0d},
    {"bracket_left", 0x1a},
    {"bracket_right", 0x1b},
    {"semicolon", 0x27},
    {"apostrophe", 0x28},
    {"grave_accent", 0x29},
    {"backslash", 0x2b},
    {"comma", 0x33},
    {"dot", 0x34},
    {"slash", 0x35},
    {"less", 0x56}, /* the 102nd key, right of the left Shift */
    {"caps_lock", 0x3a},
    {"num_lock", 0x45},
    {"scroll_lock", 0x46},
    {"pause", KEY_PAUSE},
    {"print", KEY_PRINT},
    {"sysrq", KEY_PRINT}, /* the same key: with Alt it says so */
    {"kp_divide", E | 0x35},
    {"kp_multiply", 0x37},
    {"asterisk", 0x37},
    {"kp_subtract", 0x4a},
    {"kp_add", 0x4e},
    {"kp_enter", E | 0x1c},
    {"kp_decimal", 0x53},
    {"kp_0", 0x52},
    {"kp_1", 0x4f},
    {"kp_2", 0x50},
    {"kp_3", 0x51},
    {"kp_4", 0x4b},
    {"kp_5", 0x4c},
    {"kp_6", 0x4d},
    {"kp_7", 0x47},
    {"kp_8", 0x48},
    {"kp_9", 0x49},
    {"1", 0x02},
    {"2", 0x03},
    {"3", 0x04},
    {"4", 0x05},
    {"5", 0x06},
    {"6", 0x07},
    {"7", 0x08},
    {"8", 0x09},
    {"9", 0x0a},
    {"0", 0x0b},
    {"a", 0x1e},
    {"b", 0x30},
    {"c", 0x2e},
    {"d", 0x20},
    {"e", 0x12},
    {"f", 0x21},
    {"g", 0x22},
    {"h", 0x23},
    {"i", 0x17},
    {"j", 0x24},
    {"k", 0x25},
    {"l", 0x26},
    {"m", 0x32},
    {"n", 0x31},
    {"o", 0x18},
    {"p", 0x19},
    {"q", 0x10},
    {"r", 0x13},
    {"s", 0x1f},
    {"t", 0x14},
    {"u", 0x16},
    {"v", 0x2f},
    {"w", 0x11},
    {"x", 0x2d},
    {"y", 0x15},
    {"z", 0x2c},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

const char *keys_name(unsigned i)
{
    return i < NAMES ? names[i].name : NULL;
}

/* 0: there is none. No byte of the text is 0, so that the loop stays within the name too. */
static uint16_t key_of(const char *text, size_t n)
{
    for (unsigned i = 0; i < NAMES; i++) {
        size_t at = 0;

        while (at < n && names[i].name[at] == text[at])
            at++;
        if (at == n && names[i].name[at] == '\0')
            return names[i].key;
    }
    return 0;
}

unsigned keys_of_names(const char *text, uint16_t out[2 * KEYS_MOST], const char **bad, size_t *n)
{
    uint16_t down[KEYS_MOST];
    unsigned keys = 0;

    for (const char *at = text;; at++) {
        const char *name = at;

        while (*at != '\0' && *at != '-')
            at++;
        *bad = name;
        *n = (size_t)(at - name);
        if (keys == KEYS_MOST || *n == 0 || (down[keys++] = key_of(name, *n)) == 0)
            return 0;
        if (*at == '\0')
            break;
    }
    return keys_combine(down, keys, out);
}
