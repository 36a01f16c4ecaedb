/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat-yaml says on descriptor 1, and what the cache keeps of it: the head, positions, problems, then the JSON
 * text. moat copies the whole, checks every count against its own bounds and the length, makes words printable, and
 * parses the JSON as hostile as any other. Both programs are built together: YAML_VERSION is raised by any change of
 * this layout, of what is accepted, or of how it is written, and names of cached entries carry it.
 */
#ifndef MOAT_HOST_YAML_RECORD_H
#define MOAT_HOST_YAML_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define YAML_VERSION      1u
#define YAML_TEXT_MAX     (1u << 20) /* bytes of YAML */
#define YAML_JSON_MAX     (4u << 20) /* bytes of JSON */
#define YAML_NODES_MAX    65536u     /* scalars, lists and maps */
#define YAML_MEMBERS_MAX  4096u      /* of one map: each is compared with those before it */
#define YAML_DEPTH_MAX    32u
#define YAML_PROBLEMS_MAX 64u

struct yaml_head {
    uint32_t version;
    uint32_t n_positions;
    uint32_t n_problems;
    uint32_t json_len; /* 0: the text is not YAML at all, and a problem says so */
};

/* Where a name or a value of the JSON text stood in the YAML; ordered by offset. */
struct yaml_position {
    uint32_t offset;
    uint32_t line, column; /* from 1; columns are characters */
};

/* With problems the JSON is for finding more of them, never for use. */
struct yaml_problem {
    uint32_t line, column;
    char text[256];     /* what is wrong; NUL-terminated */
    char accepted[128]; /* what would be right */
};

/* Two positions for each member of a map, and the rest have one. */
#define YAML_POSITIONS_MAX (2 * YAML_NODES_MAX)
#define YAML_RECORD_MAX                                                                                                \
    (sizeof(struct yaml_head) + YAML_POSITIONS_MAX * sizeof(struct yaml_position) +                                    \
     YAML_PROBLEMS_MAX * sizeof(struct yaml_problem) + YAML_JSON_MAX)

_Static_assert(sizeof(struct yaml_head) == 16, "record layout");
_Static_assert(sizeof(struct yaml_position) == 12, "record layout");
_Static_assert(sizeof(struct yaml_problem) == 392 && offsetof(struct yaml_problem, accepted) == 264, "record layout");

#endif
