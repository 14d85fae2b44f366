"""psycopg2: the simple protocol, named cursors, COPY by hand, notices, LISTEN, cancel, savepoints, two-phase commit, large objects, green mode's polling."""

import datetime
import decimal
import hashlib
import io
import select

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

from flow import DSN, GLOBAL_NAME, TYPES, Flow, await_sleeper, digest, in_background, shown

flow = Flow()


def diagnosis(problem):
    if not isinstance(problem, psycopg2.Error):
        return str(problem)
    return " ".join(f"{name}={getattr(problem.diag, name)}" for name in dir(problem.diag) if not name.startswith("_") and getattr(problem.diag, name) is not None)


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else cursor.statusmessage


def values():
    psycopg2.extras.register_hstore(connection)
    psycopg2.extras.register_composite("pair", connection)
    psycopg2.extras.register_uuid()
    psycopg2.extras.register_inet()
    for name, literal in TYPES:
        flow.attempt(f"type {name}", lambda: run(f"SELECT %s::{name}", literal), diagnosis)
        connection.rollback()
    for value in (None, True, 1.5, decimal.Decimal("NaN"), b"\0\xff", "größe ' \\ 🐘", datetime.date(2024, 2, 29), datetime.timedelta(1, 2, 3), [1, None], ["a'", None], {"k": "v"},
                  psycopg2.extras.Json({"ä": None}), psycopg2.extras.NumericRange(1, 5), float("inf"), datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)):
        flow.attempt(f"value {shown(value) if not isinstance(value, psycopg2.extras.Json) else 'json'}", lambda: run("SELECT %s, pg_typeof(%s)::text", value, value), diagnosis)
        connection.rollback()


def cursors():
    with connection.cursor("walk", scrollable=True) as cursor:
        cursor.itersize = 41
        cursor.execute("SELECT * FROM people ORDER BY id")
        flow.step("named", digest(cursor))
        cursor.scroll(-10)
        flow.step("scrolled", [row[0] for row in cursor.fetchmany(5)])
    connection.commit()
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("SELECT id FROM people ORDER BY id")
        connection.commit()
        flow.step("held", cursor.fetchmany(3))
    connection.commit()
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("SELECT id, name FROM people ORDER BY id LIMIT 2; ")
        flow.step("dict", [dict(row) for row in cursor.fetchall()], [(column.name, column.type_code) for column in cursor.description])
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2; SELECT 3")
        flow.step("last of three", cursor.fetchall())
        cursor.callproc("two_results")
        flow.step("function", cursor.fetchall())
        psycopg2.extras.execute_values(cursor, "INSERT INTO sink (id, word) VALUES %s", [(n, f"w{n}") for n in range(2000)], page_size=300)
        psycopg2.extras.execute_batch(cursor, "UPDATE sink SET amount = %s WHERE id = %s", [(n * 2, n) for n in range(500)])
        cursor.executemany("INSERT INTO sink (id) VALUES (%s)", [(n,) for n in range(100)])
        flow.step("batches", run("SELECT count(*), sum(amount), sum(id) FROM sink"))
        cursor.execute("PREPARE plan (int) AS SELECT $1 * 2")
        flow.step("prepared", [run("EXECUTE plan (%s)", n)[0][0] for n in range(10)], run("DEALLOCATE plan"))
    connection.rollback()


def copies():
    with connection.cursor() as cursor:
        for options in ("", "WITH (FORMAT csv, HEADER)", "WITH (FORMAT binary)"):
            out = io.BytesIO()
            cursor.copy_expert(f"COPY people TO STDOUT {options}", out, size=777)
            flow.step("copy out", len(out.getvalue()), hashlib.sha256(out.getvalue()).hexdigest()[:16], cursor.rowcount)
            cursor.execute("CREATE TEMP TABLE twin (LIKE people)")
            out.seek(0)
            cursor.copy_expert(f"COPY twin FROM STDIN {options}", out, size=1111)
            flow.step("copy in", cursor.rowcount, run("SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS t"))
            connection.rollback()
        flow.attempt("bad row", lambda: cursor.copy_from(io.StringIO("1\tx\ny\tz\n"), "sink", columns=("id", "word")), diagnosis)
        connection.rollback()

        class Broken:
            def read(self, size):
                raise ValueError("the client changes its mind")
        flow.attempt("given up", lambda: cursor.copy_expert("COPY sink FROM STDIN", Broken()), diagnosis)
        connection.rollback()

        class Full:
            def write(self, data):
                raise OSError("the disk is full")
        flow.attempt("not wanted", lambda: cursor.copy_expert("COPY people TO STDOUT", Full()), diagnosis)
        connection.rollback()
    # By its functions: the driver's own object sends the function-call message, which is refused.
    with connection.cursor() as cursor:
        cursor.execute("SELECT lo_from_bytea(0, %s)", [b"0123456789" * 100000])
        number = cursor.fetchone()[0]
        cursor.execute("SELECT length(lo_get(%s)), lo_get(%s, 500000, 10), lo_unlink(%s)", [number, number, number])
        flow.step("large object", cursor.fetchone())
    connection.rollback()


def failures():
    for statement in ("SELECT 1/0", "SELEC", "SELECT * FROM nowhere", "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')", "SELECT complain('all')", "UPDATE people SET balance = -1", ""):
        flow.attempt(f"fails {statement}", lambda: run(statement), diagnosis)
        flow.attempt("aborted", lambda: run("SELECT 1"), diagnosis)
        flow.step("status", connection.info.transaction_status)
        connection.rollback()
    run("INSERT INTO sink (id) VALUES (1)")
    run("SAVEPOINT here")
    flow.attempt("in a savepoint", lambda: run("SELECT 1/0"), diagnosis)
    run("ROLLBACK TO SAVEPOINT here")
    flow.step("recovered", run("SELECT id FROM sink"))
    connection.rollback()


def cancels():
    other = psycopg2.connect(DSN)
    other.autocommit = True

    def one(statement):
        with other.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]
    sleeping = in_background(lambda: run("SELECT pg_sleep(60)"))
    await_sleeper(one)
    connection.cancel()
    problem = sleeping()
    flow.step("cancelled", type(problem).__name__, diagnosis(problem))
    connection.rollback()
    flow.step("usable", run("SELECT 'after'"))
    connection.rollback()
    other.close()


def notifications():
    other = psycopg2.connect(DSN)
    other.autocommit = True
    with other.cursor() as cursor:
        cursor.execute("LISTEN news")
    for number in range(5):
        run("SELECT pg_notify('news', %s)", f"größe {number}")
    connection.commit()
    while len(other.notifies) < 5:
        if not select.select([other], [], [], 20)[0]:
            break
        other.poll()
    flow.step("notified", [(one.channel, one.payload) for one in other.notifies])
    other.close()
    del connection.notices[:]
    run("SELECT complain('notice')")
    run("SELECT complain('warning')")
    flow.step("notices", connection.notices)
    connection.rollback()


def polling():
    """The same protocol read by hand, a byte at a time if it so comes."""
    asynchronous = psycopg2.connect(DSN, async_=1)
    psycopg2.extras.wait_select(asynchronous)
    cursor = asynchronous.cursor()
    for statement in ("SELECT count(*) FROM generate_series(1, 100000)", "SELECT repeat('x', 3000000)", "SELECT 1/0", "SELECT 'fine'"):
        def poll():
            cursor.execute(statement)
            psycopg2.extras.wait_select(asynchronous)
            return [len(str(value)) for row in cursor.fetchall() for value in row]
        flow.attempt("polled", poll, diagnosis)
    asynchronous.close()


def large():
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, md5(n::text) FROM generate_series(1, 120000) AS n")
        flow.step("many rows", digest(cursor))
    value = run("SELECT repeat('0123456789', 5000000)")[0][0]
    flow.step("50 MB", len(value), hashlib.sha256(value.encode()).hexdigest()[:16])
    flow.step("10 MB sent", run("SELECT length(%s)", "ß" * 5000000), run("SELECT md5(%s)", psycopg2.Binary(bytes(range(256)) * 8000)))
    connection.rollback()


def settings():
    other = psycopg2.connect(DSN, application_name="a flow", options="-c statement_timeout=150 -c DateStyle=German")
    flow.step("at start", other.get_parameter_status("application_name"), other.get_parameter_status("DateStyle"), other.get_parameter_status("server_version"), other.encoding)
    with other.cursor() as cursor:
        flow.attempt("statement_timeout", lambda: cursor.execute("SELECT pg_sleep(60)"), diagnosis)
    other.close()
    for level in (1, 2, 3, 4):
        connection.set_session(isolation_level=level, readonly=True, deferrable=True)
        flow.step("isolation", run("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('transaction_deferrable')"))
        flow.attempt("write", lambda: run("DELETE FROM sink"), diagnosis)
        connection.rollback()
    connection.set_session(isolation_level="DEFAULT", readonly="DEFAULT", deferrable="DEFAULT", autocommit=True)
    flow.attempt("autocommit", lambda: (run("INSERT INTO sink (id) VALUES (1)"), connection.info.transaction_status, run("TRUNCATE sink")), diagnosis)
    connection.autocommit = False
    connection.set_client_encoding("LATIN1")
    flow.step("latin1", run("SELECT 'größe'"), connection.encoding)
    connection.set_client_encoding("UTF8")
    connection.tpc_begin(connection.xid(2, GLOBAL_NAME, "branch"))
    run("INSERT INTO sink (id) VALUES (5)")
    connection.tpc_prepare()
    connection.tpc_commit()
    flow.step("two-phase", run("SELECT id FROM sink"))
    run("TRUNCATE sink")
    connection.commit()
    run("SET application_name = 'changed'")
    flow.step("changed", connection.get_parameter_status("application_name"))
    connection.reset()
    flow.step("reset", connection.get_parameter_status("application_name"))


connection = psycopg2.connect(DSN)
for part in (values, cursors, copies, failures, cancels, notifications, polling, large, settings):
    part()
    connection.rollback()
connection.close()
flow.done()
