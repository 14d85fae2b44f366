"""Runs the catalogue's own runner, with a password for each user: a proxy gives every agent one of its own.

    run.py RUNNER [the runner's arguments …]       passwords: PGSLUICE_TEST_PASSWORDS, as JSON of user → password
"""

import importlib.util
import json
import os
import sys

specification = importlib.util.spec_from_file_location("runner", sys.argv[1])
runner = importlib.util.module_from_spec(specification)
# The catalogue's folder may not be written to.
sys.dont_write_bytecode = True
specification.loader.exec_module(runner)
passwords = json.loads(os.environ.get("PGSLUICE_TEST_PASSWORDS", "{}"))


class Connection(runner.Conn):
    def __init__(self, dsn, *rest, **named):
        known = "password" not in dsn and dsn["user"] in passwords
        super().__init__(dict(dsn, password=passwords[dsn["user"]]) if known else dsn, *rest, **named)


runner.Conn = Connection
sys.argv = sys.argv[1:]
runner.main()
