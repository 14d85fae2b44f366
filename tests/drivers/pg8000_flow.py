"""pg8000: a driver wholly in Python; every value as text, unnamed and named statements, COPY through files, notices and notifications as queues."""

import datetime
import decimal
import hashlib
import io
import urllib.parse
import uuid

import pg8000.dbapi
import pg8000.native

from flow import DSN, GLOBAL_NAME, TYPES, Flow, digest, shown

flow = Flow()
ADDRESS = urllib.parse.urlsplit(DSN)
LOGIN = {
    "user": urllib.parse.unquote(ADDRESS.username), "password": urllib.parse.unquote(ADDRESS.password), "host": ADDRESS.hostname, "port": ADDRESS.port,
    "database": urllib.parse.unquote(ADDRESS.path[1:]),
}


def diagnosis(problem):
    fields = problem.args[0] if problem.args else ""
    return str(sorted(fields.items()) if isinstance(fields, dict) else fields)


def values(_):
    connection = pg8000.native.Connection(**LOGIN)

    def run(statement, value):
        # A value it cannot decode makes the driver lose its place in the stream; only a new connection helps it.
        nonlocal connection
        try:
            return connection.run(statement, value=value)
        except pg8000.native.DatabaseError:
            raise
        except Exception:
            connection.close()
            connection = pg8000.native.Connection(**LOGIN)
            raise
    for name, literal in TYPES:
        flow.attempt(f"type {name}", lambda: run(f"SELECT cast(:value AS {name})", literal), diagnosis)
    for value in (None, True, 7, 2**40, 1.5, decimal.Decimal("1.10"), "größe 🐘", b"\0\xff", datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 1, 2, 3, 4, 5), datetime.timedelta(days=1, seconds=2),
                  uuid.UUID(int=3), [1, 2, None], ["a", None, 'q"q'], [[1, 2], [3, 4]], {"a": [1, None]}, datetime.time(1, 2, 3)):
        flow.attempt(f"value {shown(value)}", lambda: run("SELECT :value AS v", value), diagnosis)
    connection.close()


def statements(connection):
    prepared = connection.prepare("SELECT id, name FROM people WHERE id > :first ORDER BY id LIMIT 3")
    for first in (0, 100, 499):
        flow.step("prepared", prepared.run(first=first), prepared.columns)
    prepared.close()
    many = [connection.prepare(f"SELECT {number} + cast(:v AS int)") for number in range(150)]
    flow.step("many", sum(one.run(v=1)[0][0] for one in many), connection.run("SELECT count(*) FROM pg_prepared_statements"))
    for one in many:
        one.close()
    flow.step("closed", connection.run("SELECT count(*) FROM pg_prepared_statements"))
    for statement in ("", "SELECT 1/0", "SELEC", "SELECT * FROM nowhere", "SELECT complain('all')", "INSERT INTO people (name) VALUES (NULL)", "SELECT 1; SELECT 2", "BEGIN; SELECT 1/0"):
        flow.attempt(f"statement {statement}", lambda: (connection.run(statement), connection.row_count), diagnosis)
        flow.step("status", connection._transaction_status)
    connection.run("ROLLBACK")
    connection.run("BEGIN")
    connection.run("INSERT INTO sink (id) VALUES (1)")
    connection.run("SAVEPOINT here")
    flow.attempt("fails", lambda: connection.run("SELECT cast(:v AS int) / 0", v=1), diagnosis)
    flow.attempt("aborted", lambda: connection.run("SELECT 1"), diagnosis)
    connection.run("ROLLBACK TO here")
    flow.step("recovered", connection.run("SELECT id FROM sink"))
    connection.run("ROLLBACK")
    flow.step("undone", connection.run("SELECT count(*) FROM sink"))


def copies(connection):
    for options in ("", "WITH (FORMAT csv, HEADER)", "WITH (FORMAT binary)"):
        out = io.BytesIO()
        connection.run(f"COPY people TO STDOUT {options}", stream=out)
        flow.step("copy out", len(out.getvalue()), hashlib.sha256(out.getvalue()).hexdigest()[:16], connection.row_count)
        connection.run("CREATE TEMP TABLE twin (LIKE people)")
        out.seek(0)
        connection.run(f"COPY twin FROM STDIN {options}", stream=out)
        flow.step("copy in", connection.row_count, connection.run("SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS t"))
        connection.run("DROP TABLE twin")
    flow.attempt("bad row", lambda: connection.run("COPY sink (id) FROM STDIN", stream=io.BytesIO(b"1\nx\n")), diagnosis)
    flow.step("rows of an iterator", connection.run("COPY sink (id, word) FROM STDIN", stream=[f"{n}\tw{n}\n" for n in range(1000)]), connection.run("SELECT count(*), sum(id) FROM sink"))
    connection.run("TRUNCATE sink")


def notifications(connection):
    connection.run("LISTEN news")
    for number in range(4):
        connection.run("SELECT pg_notify('news', :payload)", payload=f"number {number}")
    connection.run("SELECT 1")
    flow.step("notified", [(channel, payload) for _pid, channel, payload in connection.notifications])
    connection.notices.clear()
    connection.run("SELECT complain('notice')")
    connection.run("SELECT complain('warning')")
    flow.step("notices", [sorted(notice.items()) for notice in connection.notices])
    connection.run("SET TimeZone = 'Asia/Kolkata'")
    connection.run("SET application_name = 'changed'")
    flow.step("status", [connection.parameter_statuses.get(name) for name in ("TimeZone", "application_name", "server_version", "client_encoding", "DateStyle")])
    connection.run("SET statement_timeout = 100")
    flow.attempt("statement_timeout", lambda: connection.run("SELECT pg_sleep(60)"), diagnosis)
    connection.run("RESET statement_timeout")


def large(connection):
    flow.step("many rows", digest(connection.run("SELECT n, md5(cast(n AS text)) FROM generate_series(1, 100000) AS n")))
    flow.step("20 MB", len(connection.run("SELECT repeat('0123456789', 2000000)")[0][0]))
    flow.step("6 MB sent", connection.run("SELECT md5(cast(:v AS text))", v="ß" * 3000000))
    flow.step("many columns", digest(connection.run("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600)))))


def by_dbapi():
    with pg8000.dbapi.connect(**LOGIN, application_name="a flow") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id, name, tags, notes FROM people WHERE id <= %s ORDER BY id", (20,))
        flow.step("rows", cursor.fetchone(), cursor.fetchmany(2), digest(cursor.fetchall()), [column[:2] for column in cursor.description])
        cursor.executemany("INSERT INTO sink (id, word) VALUES (%s, %s)", [(n, f"w{n}") for n in range(300)])
        cursor.execute("SELECT count(*), sum(id) FROM sink")
        flow.step("executemany", cursor.fetchall())
        flow.attempt("fails", lambda: cursor.execute("SELECT 1/0"), diagnosis)
        connection.rollback()
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            cursor.execute("SHOW transaction_isolation")
            flow.step("isolation", cursor.fetchall())
            connection.rollback()
        connection.tpc_begin(connection.xid(3, GLOBAL_NAME, "branch"))
        cursor.execute("INSERT INTO sink (id) VALUES (8)")
        connection.tpc_prepare()
        connection.tpc_rollback()
        cursor.execute("SELECT count(*) FROM sink")
        flow.step("two-phase", cursor.fetchall())
        connection.rollback()
        connection.autocommit = True
        cursor.execute("VACUUM sink")
        flow.step("autocommit", cursor.rowcount)


with pg8000.native.Connection(**LOGIN) as connection:
    for part in (values, statements, copies, notifications, large):
        part(connection)
by_dbapi()
flow.done()
