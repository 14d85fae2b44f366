"""What the Python programs share: numbered steps in a form that is equal whenever what the server said is equal."""

import hashlib
import json
import os
import threading
import uuid

DSN = os.environ["PGSLUICE_TEST_DSN"]
HERE = os.path.dirname(os.path.abspath(__file__))
# A name for what a whole cluster shares (a prepared transaction): programs run at once.
GLOBAL_NAME = str(uuid.uuid4())
LINE = 400

with open(os.path.join(HERE, "types.json")) as file:
    TYPES = [(name, literal) for name, literals in json.load(file) for literal in literals]


def plain(value):
    """Values whose own text is a memory address, as what they hold."""
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(plain(one) for one in value)
    if isinstance(value, memoryview):
        return bytes(value)
    return getattr(value, "points", value)


def shown(value):
    text = value if isinstance(value, str) else repr(plain(value))
    text = text.replace("\n", "\\n")
    if len(text) <= LINE:
        return text
    return f"{text[:60]}… {len(text)} characters {hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Flow:
    def __init__(self):
        self.steps = 0

    def step(self, name, *values):
        self.steps += 1
        print(f"{self.steps} {name}: {' | '.join(shown(value) for value in values)}", flush=True)

    def attempt(self, name, action, error=lambda problem: str(problem)):
        """A step whose result may be an error: that is a result as well."""
        try:
            self.step(name, action())
        except Exception as problem:
            self.step(name, f"{type(problem).__name__}: {error(problem)}")

    def done(self):
        print(f"done {self.steps} steps")


def digest(rows):
    """Many rows as one value."""
    sum, count = hashlib.sha256(), 0
    for row in rows:
        sum.update(repr(plain(row)).encode())
        count += 1
    return f"{count} rows {sum.hexdigest()[:16]}"


def in_background(action):
    """Runs `action` in a thread; the returned function waits for it and gives its result or its error."""
    result = []

    def run():
        try:
            result.append(action())
        except Exception as problem:
            result.append(problem)

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join()
        return result[0]

    return join


IS_ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


def await_sleeper(one):
    """Returns when a session of this database is inside pg_sleep; `one` runs a query and gives its single value."""
    for _ in range(3000):
        if one(IS_ASLEEP) == 1:
            return
        threading.Event().wait(0.01)
    raise TimeoutError("no session fell asleep")
