/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Numbers are those of asm-generic/ioctls.h and its like, which x86 and arm share;
 * tests/unit/test_ioctl_sets.c holds them against the headers. Pure parsing. Trust: a list may come from a foreign
 * policy file.
 */
#include "policy/ioctl_sets.h"

#include "base/nearest.h"
#include "policy/flags.h"
#include "policy/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MOST 1024 /* commands; the filter tries them by halving */

enum { TTY = 1 << 0, PTY = 1 << 1, FILES = 1 << 2, NET = 1 << 3, BLOCK = 1 << 4, NS = 1 << 5, RANDOM = 1 << 6 };

static const struct ioctl_set sets[] = {
    {"tty", "terminals: mode, size, job control; not what types into them"},
    {"pty", "making terminals"},
    {"file", "descriptors and files: non-blocking, close-on-exec, bytes to read, clones, attributes"},
    {"net", "sockets: owner, marks; reading addresses and interfaces"},
    {"block", "reading the geometry of disks"},
    {"ns", "asking namespaces for their parents and owners"},
    {"random", "asking how much randomness there is"},
};

static const struct command {
    const char *name;
    uint32_t number, sets; /* 0: in none, to be named singly */
} commands[] = {
    {"TCGETS", 0x5401, TTY},
    {"TCSETS", 0x5402, TTY},
    {"TCSETSW", 0x5403, TTY},
    {"TCSETSF", 0x5404, TTY},
    {"TCGETA", 0x5405, TTY},
    {"TCSETA", 0x5406, TTY},
    {"TCSETAW", 0x5407, TTY},
    {"TCSETAF", 0x5408, TTY},
    {"TCSBRK", 0x5409, TTY},
    {"TCXONC", 0x540a, TTY},
    {"TCFLSH", 0x540b, TTY},
    {"TIOCEXCL", 0x540c, TTY},
    {"TIOCNXCL", 0x540d, TTY},
    {"TIOCSCTTY", 0x540e, TTY},
    {"TIOCGPGRP", 0x540f, TTY},
    {"TIOCSPGRP", 0x5410, TTY},
    {"TIOCOUTQ", 0x5411, TTY | NET}, /* and SIOCOUTQ */
    {"TIOCSTI", 0x5412, 0},
    {"TIOCGWINSZ", 0x5413, TTY},
    {"TIOCSWINSZ", 0x5414, TTY},
    {"TIOCMGET", 0x5415, 0},
    {"TIOCMBIS", 0x5416, 0},
    {"TIOCMBIC", 0x5417, 0},
    {"TIOCMSET", 0x5418, 0},
    {"FIONREAD", 0x541b, TTY | FILES | NET}, /* and TIOCINQ, SIOCINQ */
    {"TIOCLINUX", 0x541c, 0},
    {"TIOCCONS", 0x541d, 0},
    {"TIOCGSERIAL", 0x541e, 0},
    {"TIOCSSERIAL", 0x541f, 0},
    {"TIOCPKT", 0x5420, PTY},
    {"FIONBIO", 0x5421, FILES},
    {"TIOCNOTTY", 0x5422, TTY},
    {"TIOCSETD", 0x5423, 0},
    {"TIOCGETD", 0x5424, TTY},
    {"TCSBRKP", 0x5425, TTY},
    {"TIOCGSID", 0x5429, TTY},
    {"TCGETS2", 0x802c542a, TTY},
    {"TCSETS2", 0x402c542b, TTY},
    {"TCSETSW2", 0x402c542c, TTY},
    {"TCSETSF2", 0x402c542d, TTY},
    {"TIOCGPTN", 0x80045430, PTY},
    {"TIOCSPTLCK", 0x40045431, PTY},
    {"TIOCGDEV", 0x80045432, TTY},
    {"TIOCSIG", 0x40045436, PTY},
    {"TIOCVHANGUP", 0x5437, 0},
    {"TIOCGPKT", 0x80045438, PTY},
    {"TIOCGPTLCK", 0x80045439, PTY},
    {"TIOCGEXCL", 0x80045440, TTY},
    {"TIOCGPTPEER", 0x5441, PTY},
    {"FIONCLEX", 0x5450, FILES},
    {"FIOCLEX", 0x5451, FILES},
    {"FIOASYNC", 0x5452, FILES},

    {"FIBMAP", 0x0001, 0},
    {"FIGETBSZ", 0x0002, FILES},
    {"FIFREEZE", 0xc0045877, 0},
    {"FITHAW", 0xc0045878, 0},
    {"FICLONE", 0x40049409, FILES},
    {"FICLONERANGE", 0x4020940d, FILES},
    {"FIDEDUPERANGE", 0xc0189436, FILES},
    {"FS_IOC_GETFLAGS", 0x80086601, FILES},
    {"FS_IOC_SETFLAGS", 0x40086602, FILES},
    {"FS_IOC32_GETFLAGS", 0x80046601, FILES},
    {"FS_IOC32_SETFLAGS", 0x40046602, FILES},
    {"FS_IOC_GETVERSION", 0x80087601, FILES},
    {"FS_IOC_FIEMAP", 0xc020660b, FILES},
    {"FS_IOC_FSGETXATTR", 0x801c581f, FILES},
    {"FS_IOC_FSSETXATTR", 0x401c5820, FILES},
    {"FS_IOC_GETFSLABEL", 0x81009431, FILES},

    {"FIOSETOWN", 0x8901, NET},
    {"SIOCSPGRP", 0x8902, NET},
    {"FIOGETOWN", 0x8903, NET},
    {"SIOCGPGRP", 0x8904, NET},
    {"SIOCATMARK", 0x8905, NET},
    {"SIOCGSTAMP_OLD", 0x8906, NET},
    {"SIOCGSTAMPNS_OLD", 0x8907, NET},
    {"SIOCGSTAMP_NEW", 0x80108906, NET},
    {"SIOCGSTAMPNS_NEW", 0x80108907, NET},
    {"SIOCGIFNAME", 0x8910, NET},
    {"SIOCGIFCONF", 0x8912, NET},
    {"SIOCGIFFLAGS", 0x8913, NET},
    {"SIOCGIFADDR", 0x8915, NET},
    {"SIOCGIFDSTADDR", 0x8917, NET},
    {"SIOCGIFBRDADDR", 0x8919, NET},
    {"SIOCGIFNETMASK", 0x891b, NET},
    {"SIOCGIFMETRIC", 0x891d, NET},
    {"SIOCGIFMTU", 0x8921, NET},
    {"SIOCGIFHWADDR", 0x8927, NET},
    {"SIOCGIFINDEX", 0x8933, NET},
    {"SIOCGIFTXQLEN", 0x8942, NET},
    {"SIOCETHTOOL", 0x8946, 0},
    {"SIOCGIFMAP", 0x8970, NET},

    {"BLKROGET", 0x125e, BLOCK},
    {"BLKGETSIZE", 0x1260, BLOCK},
    {"BLKRAGET", 0x1263, BLOCK},
    {"BLKSECTGET", 0x1267, BLOCK},
    {"BLKSSZGET", 0x1268, BLOCK},
    {"BLKBSZGET", 0x80081270, BLOCK},
    {"BLKGETSIZE64", 0x80081272, BLOCK},
    {"BLKIOMIN", 0x1278, BLOCK},
    {"BLKIOOPT", 0x1279, BLOCK},
    {"BLKALIGNOFF", 0x127a, BLOCK},
    {"BLKPBSZGET", 0x127b, BLOCK},
    {"BLKROTATIONAL", 0x127e, BLOCK},

    {"NS_GET_USERNS", 0xb701, NS},
    {"NS_GET_PARENT", 0xb702, NS},
    {"NS_GET_NSTYPE", 0xb703, NS},
    {"NS_GET_OWNER_UID", 0xb704, NS},

    {"RNDGETENTCNT", 0x80045200, RANDOM},
};

const struct ioctl_set *ioctl_set_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(sets) ? &sets[i] : NULL;
}

const char *ioctl_command_at(int i, uint32_t *number, uint32_t *in)
{
    if (i < 0 || (size_t)i >= ARRAY_LEN(commands))
        return NULL;
    *number = commands[i].number;
    *in = commands[i].sets;
    return commands[i].name;
}

const char *ioctl_command_name(uint32_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].number == number)
            return commands[i].name;
    return NULL;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static int list_add(struct ioctl_list *l, uint32_t number, struct err *err)
{
    uint32_t at = l->n;

    while (at && l->v[at - 1] > number)
        at--;
    if (at && l->v[at - 1] == number)
        return 0;
    if (l->n == LIST_MOST)
        return err_set(err, -EINVAL, "more than %d commands", LIST_MOST);
    memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof *l->v);
    l->v[at] = number;
    l->n++;
    return 0;
}

static int unknown_word(const char *word, struct err *err)
{
    struct nearest near = {.wanted = word};

    if (!strcmp(word, "all") || !strcmp(word, "none"))
        return err_set(err, -EINVAL, "'%s' is a list of its own: leave the other words out", word);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        nearest_try(&near, sets[i].name);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        nearest_try(&near, commands[i].name);
    return err_set(err, -EINVAL, "'%.64s' is no set and no command known here%s%s%s", word,
                   near.best ? ": did you mean " : ", give its number", near.best ? near.best : "",
                   near.best ? "?" : "");
}

static int add_number(struct ioctl_list *l, const char *word, struct err *err)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(word, &end, 0);
    if (*end || errno)
        return err_set(err, -EINVAL, "'%.64s' is not a number", word);
    if (number > UINT32_MAX)
        return err_set(err, -EINVAL, "'%.64s' has more than the 32 bits of a command", word);
    return list_add(l, (uint32_t)number, err);
}

static int add_word(struct ioctl_list *l, const char *word, struct err *err)
{
    uint32_t set = 0;
    bool found = false;

    if (*word >= '0' && *word <= '9')
        return add_number(l, word, err);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        set |= strcmp(sets[i].name, word) ? 0 : 1u << i;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!(commands[i].sets & set) && strcmp(commands[i].name, word) != 0)
            continue;
        found = true;
        int r = list_add(l, commands[i].number, err);
        if (r < 0)
            return r;
    }
    return found ? 0 : unknown_word(word, err);
}

int ioctl_list_parse(struct arena *a, const char *text, struct ioctl_list *out, struct err *err)
{
    struct ioctl_list l = {.set = true, .text = text};
    char *words, *save = NULL;

    if (!strcmp(text, "all")) {
        *out = (struct ioctl_list){0};
        return 0;
    }
    if (!(words = arena_strdup(a, text)) || !(l.v = arena_array(a, LIST_MOST, sizeof *l.v)))
        return policy_no_memory(err);
    if (!*text || *text == ',' || strstr(text, ",,") || text[strlen(text) - 1] == ',')
        return err_set(err, -EINVAL, "an item of the list is empty");
    if (strcmp(text, "none") != 0) {
        for (char *word = strtok_r(words, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
            int r = add_word(&l, word, err);
            if (r < 0)
                return r;
        }
    }
    *out = l;
    return 0;
}

int flag_ioctls(struct policy_build *b, const char *value, struct err *err)
{
    return ioctl_list_parse(b->p->arena, value, &b->p->ioctls, err);
}
