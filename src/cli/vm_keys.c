/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat vm type` and `moat vm sendkey`: text and names become keys of a US keyboard here, before the first is pressed,
 * so that a mistake types nothing. The machine has room for some hundred at a time; who types more waits.
 */
#include "base/clock.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "boundary/vm/vm.h"
#include "cli/vm_cmd.h"
#include "machine/keys.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MS  20
#define STUCK_MS  30000 /* without one key taken */
#define KEYS_LINE 900   /* characters of an error */

/* ---- waiting for room ---------------------------------------------------------------------------------------------
 */

static int press(struct vm_request *q, const uint16_t *keys, unsigned n, struct err *err)
{
    const int64_t until = clock_ms() + STUCK_MS;
    int r;

    while ((r = vm_keys(&q->sb.inst, keys, n, err)) == -EAGAIN && clock_ms() < until) {
        *err = (struct err){0};
        poll(NULL, 0, RETRY_MS);
    }
    return r == -EAGAIN ? err_set(err, -ETIMEDOUT, "sandbox %s: its guest takes no keys", q->sb.id) : r;
}

/* ---- text ---------------------------------------------------------------------------------------------------------
 */

/* A character, or an escape: where the next one begins. */
static const char *next_character(const char *at, uint32_t *character, unsigned *length)
{
    static const char escapes[] = "ntreb\\", meant[] = "\n\t\n\033\b\\";
    const char *known = *at == '\\' && at[1] ? strchr(escapes, at[1]) : NULL;

    *length = *at == '\\' ? 1 + (at[1] != 0) : utf8_sequence((const uint8_t *)at, strlen(at));
    *length += *length == 0;
    *character = known ? (uint32_t)(uint8_t)meant[known - escapes] : *at == '\\' || *length > 1 ? 0 : (uint8_t)*at;
    return at + *length;
}

static int no_key(const char *at, unsigned length, struct err *err)
{
    if (*at == '\\')
        return err_set(err, -EINVAL, "'%.*s': the escapes are \\n \\t \\e \\b and \\\\", (int)length, at);
    return err_set(err, -EINVAL, "'%.*s' at '%.20s': no key of a US keyboard makes it", (int)length, at, at);
}

/* As many characters as make one request; with `press_them` false it is only looked whether all can be typed. */
static int type_all(struct vm_request *q, const char *text, bool press_them, struct err *err)
{
    uint16_t keys[CONTROL_KEYS_MOST], one[2 * KEYS_MOST];
    unsigned n = 0, length;
    uint32_t character;
    int r = 0;

    for (const char *at = text, *next; *at && r == 0; at = next) {
        next = next_character(at, &character, &length);
        const unsigned more = keys_of_character(character, one);
        if (more == 0)
            return no_key(at, length, err);
        if (n + more > CONTROL_KEYS_MOST) {
            r = press_them ? press(q, keys, n, err) : 0;
            n = 0;
        }
        memcpy(keys + n, one, more * sizeof *one);
        n += more;
    }
    return r == 0 && n && press_them ? press(q, keys, n, err) : r;
}

int vm_type(struct vm_request *q, struct err *err)
{
    int r = type_all(q, q->operands[0], false, err);

    return r < 0 ? r : type_all(q, q->operands[0], true, err);
}

/* ---- names --------------------------------------------------------------------------------------------------------
 */

static int no_name(struct vm_request *q, const char *text, const char *bad, size_t n, struct err *err)
{
    char *wanted = arena_strndup(&q->arena, bad, n), all[KEYS_LINE] = "";
    struct nearest near = {.wanted = wanted ? wanted : ""};
    size_t used = 0;

    if (n == 0)
        return err_set(err, -EINVAL, "'%s': names of keys with a - between, as ctrl-alt-del", text);
    for (unsigned i = 0; keys_name(i); i++) {
        nearest_try(&near, keys_name(i));
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, " %s", keys_name(i));
    }
    if (near.best)
        return err_set(err, -EINVAL, "'%s': '%s' is no key: did you mean '%s'?", text, near.wanted, near.best);
    return err_set(err, -EINVAL, "'%s': '%s' is no key: a letter, a digit, or%s", text, near.wanted, all);
}

int vm_sendkey(struct vm_request *q, struct err *err)
{
    uint16_t keys[2 * KEYS_MOST];
    const char *bad;
    size_t length;
    int r = 0;

    for (int i = 0; i < q->n_operands; i++)
        if (!keys_of_names(q->operands[i], keys, &bad, &length))
            return no_name(q, q->operands[i], bad, length, err);
    for (int i = 0; i < q->n_operands && r == 0; i++)
        r = press(q, keys, keys_of_names(q->operands[i], keys, &bad, &length), err);
    return r;
}
