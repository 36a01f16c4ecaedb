#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/schema/policy.schema.json says what src/policy/policyfile.c reads: the same members, and the same verdict on each line of
# policyfile_samples.inc (this needs python3-jsonschema, else it is skipped). Every schema is a valid one. Prints TAP.
cd "$(dirname "$0")/../.." || exit 99
command -v python3 >/dev/null || { echo "1..0 # SKIP needs python3 (Debian package python3)"; exit 0; }
exec python3 - <<'PYTHON'
import glob, json, re, sys

n = failed = 0
def result(name, detail=""):
    global n, failed
    n += 1
    print(f"{'not ' if detail else ''}ok {n} - {name}")
    for line in detail.splitlines():
        print(f"# {line}")
    failed |= bool(detail)

source = open("src/policy/policyfile.c").read()
schema = json.load(open("docs/schema/policy.schema.json"))
properties = schema["properties"]

def rows(table):
    body = source.split(f"struct member {table}[] = {{")[1].split("\n};")[0]
    return set(re.findall(r'^\s*\{"(\w+)"', body, re.M))

def fields():
    body = source.split("} mount_members[] = {")[1].split("};")[0]
    return set(re.findall(r'\{"(\w+)"', body))

# What state.c and spec.c write is what these schemas describe.
def written(file, function):
    body = re.search(function + r"\(.*?\n\}\n", open(file).read(), re.S).group(0)
    return set(re.findall(r'json_\w+\(&w, "(\w+)"', body))

for file, function, document in (
    ("src/sandbox/state.c", "int state_write", "sandbox-state"),
    ("src/sandbox/spec.c", "int spec_write", "sandbox"),
    ("src/sandbox/spec.c", "int end_write", "exit"),
):
    code, described = written(file, function), set(json.load(open(f"docs/schema/{document}.schema.json"))["properties"])
    detail = "".join(f"only written: {m}\n" for m in sorted(code - described))
    detail += "".join(f"only described: {m}\n" for m in sorted(described - code))
    result(f"{document}.schema.json describes what is written", detail)

for name, code, object_ in (
    ("policy file", rows("top_rows"), schema),
    ("limits", rows("limit_rows"), properties["limits"]),
    ("capabilities", rows("capability_rows"), properties["capabilities"]),
    ("mounts[]", fields(), properties["mounts"]["items"]),
):
    described = set(object_["properties"])
    detail = "".join(f"only read: {m}\n" for m in sorted(code - described))
    detail += "".join(f"only described: {m}\n" for m in sorted(described - code))
    if object_.get("additionalProperties") is not False:
        detail += "unknown members must be refused: additionalProperties is not false\n"
    result(f"members of {name} are read and described alike", detail or ("" if code else "no rows were found"))

try:
    import jsonschema
except ImportError:
    print(f"ok {n + 1} - samples # SKIP needs jsonschema (Debian package python3-jsonschema)")
    print(f"1..{n + 1}")
    sys.exit(failed)

for path in sorted(glob.glob("docs/schema/*.json")):
    try:
        document = json.load(open(path))
        jsonschema.validators.validator_for(document).check_schema(document)
        result(f"{path} is a schema")
    except Exception as e:
        result(f"{path} is a schema", str(e).splitlines()[0])

validator = jsonschema.validators.validator_for(schema)(schema)
verdicts = {}
detail = ""
for line in open("tests/unit/policyfile_samples.inc"):
    m = re.match(r'(GOOD|BAD|SUBTLE)\("([^"]*)"(?:, "(?:[^"\\]|\\.)*")?, (.*)\)$', line.rstrip())
    if not m:
        continue
    kind, label, text = m.groups()
    verdicts[kind] = verdicts.get(kind, 0) + 1
    errors = [e.message for e in validator.iter_errors(json.loads(text))]
    if (kind == "GOOD") == bool(errors) and kind != "SUBTLE":
        detail += f"{kind} {label}: {errors[0] if errors else 'accepted by the schema'}\n"
if min(verdicts.get("GOOD", 0), verdicts.get("BAD", 0)) < 15:
    detail += f"too few samples were found: {verdicts}\n"
result("the schema judges the samples as the reader does", detail)
print(f"1..{n}")
sys.exit(failed)
PYTHON
