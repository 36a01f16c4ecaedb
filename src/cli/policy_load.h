/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files as commands meet them: JSON or YAML, by name or shipped as a profile, with places for what is wrong.
 * Life: policy_document_read() -> policy_file_check() on .json -> policy_document_place() for each problem.
 * policy_load() is all of it for `run`.
 */
#ifndef MOAT_CLI_POLICY_LOAD_H
#define MOAT_CLI_POLICY_LOAD_H

#include "host/yaml.h"
#include "policy/policyfile.h"

struct policy_document {
    const char *path;
    bool is_yaml;
    char *json; /* what is parsed, in place */
    size_t json_len;
    const char *before; /* JSON files: the text as it was, for places */
    struct yaml_text yaml;
};

/* YAML is what is called .yaml or .yml, or does not begin with '{' and is not called .json. Problems of the YAML are in
 * .yaml. */
int policy_document_read(struct arena *a, const char *path, struct policy_document *out, struct err *err);
void policy_document_place(const struct policy_document *d, size_t offset, unsigned *line, unsigned *column);

/* The folder of the file, absolute: where its relative paths begin. NULL: no memory. */
const char *policy_folder(struct arena *a, const char *cwd, const char *path);

/* Applies a file to the build; relative host paths begin at the file's folder, so that it means the same wherever moat
 * is started. err: "--policy FILE:LINE:COLUMN: what is wrong; accepted: ...", with option "--policy ". */
int policy_load(struct policy_build *b, const char *option, const char *path, struct err *err);

/* Path of a shipped profile, to be loaded; an unknown name gets a question or the list. With the extension "yaml": the
 * text for people. */
int policy_profile_find(struct arena *a, const char *name, const char *extension, const char **path, struct err *err);

/* Names of the shipped profiles, sorted; NULL-terminated. */
int policy_profile_names(struct arena *a, char ***names, struct err *err);

#endif
