/* SPDX-License-Identifier: Apache-2.0 */
/* moat-pack's subcommands: one file each. Each returns an exit status, and has said why on standard error where that is
 * not 0. argv is that of main() behind the subcommand's name; the words are moat's (src/cli/pack.c and its kin), not a
 * user's. */
#ifndef MOAT_UNIKERNEL_PROGRAM_H
#define MOAT_UNIKERNEL_PROGRAM_H

#include "unikernel/image.h"
#include "unikernel/source.h"

#define PACK_FAILED 125

int pack_main(struct arena *a, int argc, char **argv);
int pack_root_main(struct arena *a, int argc, char **argv);
int build_main(struct arena *a, int argc, char **argv);
int inspect_main(struct arena *a, int argc, char **argv);

/* ---- what pack and build have in common: common.c ---- */

/* "moat COMMAND: sentence" on standard error; PACK_FAILED. */
int program_fail(const char *command, const struct err *err);

/* A file of moat's own that lies beside this program. NULL: no memory. */
const char *program_beside(struct arena *a, const char *name);

/* SOURCE_DATE_EPOCH of the environment; INT64_MAX: none. */
int64_t program_epoch(void);

/* Directories that every program may expect to be there, and the files (passwd and its kin) that C libraries ask for.
 */
int expected_directories(struct tree *t, struct err *err);
int expected_files(struct tree *t, struct err *err);
/* The time zone of the source, and certificates where `tls` says that a library asks for them. */
int expected_from(struct source *s, bool tls, struct err *err);

/* --add: PATH at its own place, HOST::GUEST at another, with all that is in it. */
int program_add(struct source *s, const char *text, struct err *err);

/* The program, and where it has libraries (NULL: none) all that it needs, is mapped before it runs. */
struct libraries;
int image_map(struct image *im, const struct libraries *l, struct err *err);

/* Rewrites what can be, writes the image, says on standard output what became of it. */
int image_finish(struct image *im, const char *output, bool quiet, struct err *err);
/* The same into an open file, and nothing is said. */
int image_finish_to(struct image *im, int fd, struct err *err);

#endif
