"""Runs the catalogue's own runner, with what a proxy gives every agent of its own: a password, and the number of a process that is not the
server's. A case that is about a server's process is told that one.

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
        self.told = self.pid
        if known and Engine.is_about_processes:
            recorded, self.rec = self.rec, False
            self.query("select pg_backend_pid()")
            self.rec, self.pid = recorded, self.process

    def handle(self, kind, body):
        super().handle(kind, body)
        if kind == "D" and not self.rec:
            self.process = int(body[6:])

    def cancel(self, key=None, pid=None):
        super().cancel(key, self.told if pid is None else pid)


class Engine(runner.Engine):
    is_about_processes = False

    def run(self, case):
        Engine.is_about_processes = "${pid" in json.dumps(case)
        return super().run(case)


runner.Conn = Connection
runner.Engine = Engine
sys.argv = sys.argv[1:]
runner.main()
