# SPDX-License-Identifier: Apache-2.0
"""judge.py SCHEMA DOCUMENT: whether docs/schema/SCHEMA accepts DOCUMENT (- is standard input); exit 77 without jsonschema."""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
try:
    import jsonschema
except ImportError:
    sys.exit(77)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/schema")
with open(os.path.join(folder, sys.argv[1])) as f:
    schema = json.load(f)
with sys.stdin if sys.argv[2] == "-" else open(sys.argv[2]) as f:
    document = json.load(f)
errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(document))
for e in errors:
    print(f"{sys.argv[1]}: {'/'.join(map(str, e.absolute_path))}: {e.message}", file=sys.stderr)
sys.exit(bool(errors))
