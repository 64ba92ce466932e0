"""Creates the table of infra/table.json, unless it exists. LocalStack runs this file when it is ready."""

import json
import os

from localstack import config
from localstack.aws.connect import connect_to

with open(os.path.join(os.path.dirname(config.dirs.init), "table.json"), encoding="utf-8") as definition:
    table = json.load(definition)
dynamodb = connect_to(region_name="us-east-1").dynamodb
try:
    dynamodb.create_table(TableName="rollcall", **table)
except dynamodb.exceptions.ResourceInUseException:
    pass
