/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of a program was seen to use, and the fewest rules under which the same run works behind `-b broker`.
 * Pure: watch.c looks at the host and tells; tests tell what they like.
 *
 * Life: learn_init() -> learn_look() for names of the host, learn_use() for each use, in the order seen ->
 * learn_known() for rules that a policy has already -> learn_rules() -> learn_write() or learn_merge(). Everything lies
 * in the arena of learn_init(); strings that are handed in are copied. -ENOMEM when it is full, -E2BIG beyond the
 * bounds below.
 */
#ifndef MOAT_LEARN_LEARN_H
#define MOAT_LEARN_LEARN_H

#include "base/err.h"
#include "base/mem.h"
#include "base/pathtext.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEARN_PATH_SIZE 4096       /* with the NUL; the kernel takes no longer one */
#define LEARN_USES_MAX  (1u << 18) /* paths as they were asked for */
#define LEARN_NODES_MAX (1u << 20)
#define LEARN_NOTES_MAX 256
#define LEARN_MANY      8 /* more files than this of one directory of the system stand for all of it */

enum learn_kind {
    LEARN_UNKNOWN, /* nobody looked, or it was gone by then */
    LEARN_FILE,
    LEARN_DIRECTORY,
    LEARN_LINK,
    LEARN_SOCKET,
    LEARN_DEVICE,
    LEARN_FIFO,
};

/* A name of the host, without links on the way to it. */
struct learn_node {
    const char *path;
    const char *target; /* LEARN_LINK: its text */
    enum learn_kind kind;
    bool made;    /* by the run: it was not there before */
    bool checked; /* for the caller's use: whether its contents were looked at */
    bool library; /* programs map it as code, which a mount without x forbids */
};

/* How a path was used; bits. */
enum learn_how {
    LEARN_FOLLOWED = 1 << 0, /* a link at its end was followed, or there was none */
    LEARN_KEPT = 1 << 1,     /* a link at its end was looked at itself: lstat(2), readlink(2) */
    LEARN_LISTED = 1 << 2,   /* a directory was opened */
    LEARN_MADE = 1 << 3,     /* the name was made, and was not there before */
    LEARN_GONE = 1 << 4,     /* the name was removed, moved away, replaced, or got a second one */
    LEARN_RUN = 1 << 5,
    LEARN_ENTERED = 1 << 6, /* it became a working directory */
};

/* One path as it was asked for: absolute, with its "..", but without "." and doubled slashes. */
struct learn_use {
    const char *asked;
    uint32_t access; /* enum path_access, of LEARN_FOLLOWED */
    uint32_t how;
};

/* A rule of the policy to be written. */
struct learn_rule {
    const char *path; /* inside and on the host */
    enum path_verdict verdict;
    uint32_t access;
    bool directory;
    bool known;       /* in the policy already ... */
    uint32_t had;     /* ... with this access */
    bool layer_below; /* ... as one of the defaults or of a profile, which the file may replace */
    const char *why;  /* of one that reaches further than what was used: a comment; else NULL */
};

/* A link that has to be one inside, since the program looked at the link itself. */
struct learn_link {
    const char *path, *target;
    bool known;
};

struct learn_net {
    const char *text; /* as --allow-net takes it */
    bool known;
};

struct learn {
    struct arena *arena;
    const char *cwd;         /* where the program was started */
    const char *const *argv; /* NULL-terminated */

    struct learn_node **nodes; /* a table by path */
    uint32_t n_nodes, nodes_size;
    struct learn_use **uses; /* a table by asked ... */
    uint32_t n_uses, uses_size;
    struct learn_use **order; /* ... and in the order seen */
    struct {
        const struct learn_use *from, *to;
    } * pairs; /* names moved or linked from one place to another */
    uint32_t n_pairs;

    struct learn_rule *rules; /* first the known ones, then what learn_rules() adds, then sorted by path */
    uint32_t n_rules;
    struct learn_link **links; /* a table by path */
    uint32_t n_links, links_size;
    struct learn_net *nets;
    uint32_t n_nets;
    const char **scratch; /* file systems in memory that the run needs: files it made and left to nobody */
    uint32_t n_scratch;
    const char **notes; /* what it used and no rule can give, for the file's head */
    uint32_t n_notes;
    bool notes_lost;

    /* How a name that nobody told of is found out: watch.c. NULL: not at all. */
    struct learn_node *(*look)(struct learn *l, const char *path);
};

int learn_init(struct learn *l, struct arena *a, const char *cwd, const char *const *argv, struct err *err);

/* store.c. The node of a path; NULL: nobody told, or no memory. */
struct learn_node *learn_find(const struct learn *l, const char *path);
/* Tells what a name is; a second time: what it is now. NULL: no memory. */
struct learn_node *learn_look(struct learn *l, const char *path, enum learn_kind kind, const char *target);
/* A use; uses of one path add up. `asked` need not be tidy. NULL: no memory, or no absolute path. */
struct learn_use *learn_use(struct learn *l, const char *asked, uint32_t access, uint32_t how);
int learn_pair(struct learn *l, const struct learn_use *from, const struct learn_use *to);
int learn_note(struct learn *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
int learn_known_rule(struct learn *l, const struct path_rule *rule, bool directory);
/* A link that has to be one inside. */
int learn_link(struct learn *l, const char *path, const char *target, bool known);
const struct learn_link *learn_link_find(const struct learn *l, const char *path);
/* known: it is in the policy already. */
int learn_net_rule(struct learn *l, const char *text, bool known);

/* walk.c: where a path leads, on the host and inside. */
struct learn_spot {
    char guest[LEARN_PATH_SIZE]; /* inside, where links that are none there are part of the name */
    char real[LEARN_PATH_SIZE];  /* on the host, without links */
    size_t made;                 /* of guest up to the end of the topmost name that the run made; 0: none */
    struct learn_node *node;     /* of real; NULL: nothing is known */
    char stray[LEARN_PATH_SIZE]; /* a link that ".." goes back over, so that it has to be one inside; "": none */
};
/* As the host walks it. 0, -ENOENT for what leads nowhere, -ELOOP, -ENAMETOOLONG, -EINVAL. */
int learn_walk_host(struct learn *l, const char *asked, bool follow, struct learn_spot *out);
/* As it is walked under the rules and links that stand in *l so far. */
int learn_walk_inside(struct learn *l, const char *asked, bool follow, struct learn_spot *out);

/* rules.c: from uses to rules. */
int learn_rules(struct learn *l, struct err *err);

/* names.c: whether a name looks like one that mktemp(3) or the like made up. */
bool learn_name_is_random(const char *name);
/* Without "." and doubled slashes; -EINVAL unless absolute, -ENAMETOOLONG. */
int learn_path_tidy(const char *path, char out[LEARN_PATH_SIZE]);
/* The same, and ".." takes away the name before it, whatever that is: what it took does not count as length. */
int learn_path_clean(const char *path, char out[LEARN_PATH_SIZE]);
/* Whether the path is the kernel's, or made afresh for each sandbox whatever its policy: no rule can be of it. */
bool learn_path_is_given(const char *path);

/* The links that the policy lacks, sorted by path; *n of them. NULL: no memory. */
const struct learn_link **learn_links_new(const struct learn *l, uint32_t *n);

/* write.c: the policy as YAML. */
struct learn_story {
    const char *program; /* its name alone: arguments may be secrets */
    const char *end;     /* "exit status 0" */
    unsigned arguments;
};
/* A malloced text. NULL: no memory. */
char *learn_write(const struct learn *l, const struct learn_story *story);
/* One item of a list, as "/usr/bin/tar:rx", quoted where YAML asks for it. NULL: no memory, or not expressible. */
char *learn_item_text(struct arena *a, const struct learn_rule *rule);
char *learn_scalar_text(struct arena *a, const char *text);

/* merge.c: adds to the text of a policy file what learn_rules() found beyond the known rules. `root`: the file as it is
 * read; `items`: its own items of allow and broker, in their order, with the paths of their rules. A malloced text in
 * *out. -EINVAL names a form that cannot be added to. */
struct learn_item {
    const char *list; /* "allow" or "broker" */
    const char *path; /* the rule's, inside */
};
struct json;
int learn_merge(const struct learn *l, const char *text, const struct json *root, const struct learn_item *items,
                uint32_t n, char **out, struct err *err);

#endif
