"""Creates the tables of infra/, unless they exist. LocalStack runs this file when it is ready."""

import json
import os

from localstack import config
from localstack.aws.connect import connect_to

# The definitions, and the names that `rollcall up` gives to its tables.
NAMES = {"nodes": "rollcall", "records": "rollcall-records"}

dynamodb = connect_to(region_name="us-east-1").dynamodb
for definition, name in NAMES.items():
    with open(os.path.join(os.path.dirname(config.dirs.init), f"{definition}.json"), encoding="utf-8") as file:
        table = json.load(file)
    # The files are for CloudFormation, which enables the stream that they name.
    if stream := table.get("StreamSpecification"):
        stream["StreamEnabled"] = True
    try:
        dynamodb.create_table(TableName=name, **table)
    except dynamodb.exceptions.ResourceInUseException:
        pass
