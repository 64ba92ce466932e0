"""Prints which of these values fit a JSON Schema: `true` or `false` for each.

usage: fits.py SCHEMA VALUES
"""

import json
import sys

import jsonschema_rs

schema, values = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
jsonschema_rs.meta.validate(schema)
validator = jsonschema_rs.validator_for(schema)
print(json.dumps([validator.is_valid(value) for value in values]))
