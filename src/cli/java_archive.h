/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class archives of Java programs (class data sharing): a program starts from a file in which its classes lie ready. Of
 * a large program one is made after its first run, for all that it is told to do; of a command that loads fewer after
 * its second, for those very words: what it loads for others is not known. Where the class path can change behind an
 * archive's back, as directories can, it holds classes of the JDK alone. Life: java_archive_option() ->
 * java_archive_choose() once the policy's argv stands: an archive that fits is shown, read-only, or the run is asked
 * for its class list -> the run -> java_archive_take() while its state directory is there -> java_archive_make(): a run
 * of its own, without network and without anything of the user's but the class path, writes the archive.
 */
#ifndef MOAT_CLI_JAVA_ARCHIVE_H
#define MOAT_CLI_JAVA_ARCHIVE_H

#include "classcache/key.h"
#include "policy/flags.h"

#include <signal.h>

struct java_options;

enum java_archive_use {
    JAVA_ARCHIVE_AUTO,
    JAVA_ARCHIVE_READ, /* what is there; none is made */
    JAVA_ARCHIVE_OFF,
    JAVA_ARCHIVE_WRITE, /* this run is the one that writes it */
};

struct java_archive_keys {
    char program[CLASS_KEY_SIZE]; /* "": none, its archive would be of the JDK alone */
    char command[CLASS_KEY_SIZE];
};

struct java_archive {
    enum java_archive_use use;
    const char *directory; /* of JAVA_ARCHIVE_WRITE: holds the list and the file to write */
    const char *used;      /* the key of the one that was given to the run; NULL: none was */
    bool wanted;           /* the run was asked for its class list */
    bool again;            /* the command has run before */
    struct java_archive_keys keys;
    /* what they are made of */
    bool jdk_alone;               /* of the class path nothing is read */
    const char *jdk, *class_path; /* as the machine has it in java.class.path; NULL: a module */
    const char *directory_of_run; /* the caller's working directory, where names may be relative to it */
    struct strv command;          /* what is run, its properties and arguments */
    struct strv files;            /* entries of the class path, and jars that their manifests may name: absolute */
    uint32_t n_entries;           /* of files: the entries alone */
    struct strv options;          /* those that an archive depends on */
    /* what the run left */
    bool useless;
    char *list;
    size_t length;
};

/* "auto", "read", "off", and "write:DIR", which moat gives itself. */
int java_archive_option(struct java_archive *x, const char *value, struct err *err);

/* waited_for: somebody waits for the run's end, and may as well wait for the archive. *warning, else NULL: where the
 * cache is not to be trusted. 0 or -errno. */
int java_archive_choose(struct policy_build *b, struct java_options *o, bool waited_for, const char **warning,
                        struct err *err);

/* Before the state directory goes. */
void java_archive_take(struct java_archive *x, struct arena *a, int state_fd);
/* Says nothing of its own failures: they cost the next start its gain. mask: of signals, as the caller found it; those
 * that end a program end this. */
void java_archive_make(struct java_archive *x, struct arena *a, const sigset_t *mask);

/* The keys of what the fields say, as things are now. 0 or -errno. */
int java_archive_keys(const struct java_archive *x, struct arena *a, struct java_archive_keys *out);

#endif
