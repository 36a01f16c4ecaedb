/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one YAML document to JSON. Of YAML 1.2 the part that means one thing to every reader: the core schema's scalars,
 * lists and maps. Refused, each by its place: what YAML 1.1 reads otherwise (yes, on, 0755), anchors and aliases, tags,
 * merge keys, names given twice, values left empty, further documents.
 *
 * Life: yaml_convert() -> read the fields -> yaml_output_free(). Bounds are those of host/yaml_record.h.
 */
#ifndef MOAT_YAML_CONVERT_H
#define MOAT_YAML_CONVERT_H

#include "host/yaml_record.h"

#include <stdbool.h>

struct yaml_output {
    char *json; /* NUL-terminated when json_len > 0 */
    size_t json_len, json_cap;
    struct yaml_position *positions;
    uint32_t n_positions, positions_cap;
    struct yaml_problem problems[YAML_PROBLEMS_MAX];
    uint32_t n_problems; /* more are not kept */
};

/* 0, also with problems; -ENOMEM. text is borrowed. */
int yaml_convert(const char *text, size_t len, struct yaml_output *out);
void yaml_output_free(struct yaml_output *out);

/* ---- scalar.c ------------------------------------------------------------------------------------------------ */

enum yaml_scalar { SCALAR_TEXT, SCALAR_TRUE, SCALAR_FALSE, SCALAR_NUMBER, SCALAR_REFUSED };

/* What a plain scalar is by the core schema. SCALAR_NUMBER: its JSON spelling is in number[]. SCALAR_REFUSED: why, and
 * what is accepted, both static. */
#define YAML_NUMBER_SIZE 72
enum yaml_scalar yaml_scalar_read(const char *text, size_t len, char number[YAML_NUMBER_SIZE], const char **why,
                                  const char **accepted);

#endif
