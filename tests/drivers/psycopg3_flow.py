"""psycopg 3, and below it libpq: raw values in both formats, prepared statements, pipelines, COPY, cancel, two-phase commit, asyncio."""

import asyncio
import datetime
import decimal
import hashlib
import uuid

import psycopg
from psycopg import errors, pq, sql
from psycopg.rows import dict_row
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.hstore import register_hstore
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from flow import DSN, GLOBAL_NAME, TYPES, Flow, await_sleeper, digest, in_background, shown

flow = Flow()


def diagnosis(problem):
    if not isinstance(problem, psycopg.Error):
        return str(problem)
    fields = [
        f"{name}={getattr(problem.diag, name)}"
        for name in dir(problem.diag)
        if not name.startswith("_") and isinstance(getattr(problem.diag, name), str)
    ]
    return " ".join(fields) or str(problem)


def connect(**options):
    return psycopg.connect(DSN, **options)


def parameter_status(connection):
    names = ["server_version", "server_encoding", "client_encoding", "is_superuser", "session_authorization", "DateStyle", "IntervalStyle",
             "TimeZone", "integer_datetimes", "standard_conforming_strings", "application_name", "default_transaction_read_only", "in_hot_standby"]
    for name in names:
        flow.step(f"status {name}", connection.info.parameter_status(name))


def raw_values(connection):
    for name, literal in TYPES:
        for wire_format in (0, 1):
            done = connection.pgconn.exec_params(f"SELECT $1::{name}".encode(), [literal.encode()], None, None, wire_format)
            if done.status != pq.ExecStatus.TUPLES_OK:
                flow.step(f"raw {name} {wire_format}", pq.error_message(done))
                continue
            flow.step(f"raw {name} {wire_format}", done.ftype(0), done.fformat(0), done.fsize(0), done.fmod(0), done.get_value(0, 0).hex())
    connection.rollback()


def loaded_values(connection):
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            for name, literal in TYPES:
                def load():
                    with connection.transaction():
                        return cursor.execute(f"SELECT %s::text::{name}", [literal]).fetchone()[0]
                flow.attempt(f"load {name} {'binary' if binary else 'text'}", load, diagnosis)
    connection.rollback()


def dumped_values(connection):
    register_hstore(psycopg.types.TypeInfo.fetch(connection, "hstore"), connection)
    register_enum(EnumInfo.fetch(connection, "mood"), connection)
    register_composite(CompositeInfo.fetch(connection, "pair"), connection)
    utc = datetime.timezone.utc
    values = [
        None, True, 0, -1, 2**15, 2**31, 2**62, 2**100, 0.1, float("nan"), decimal.Decimal("12.3400"), decimal.Decimal("NaN"), "", "größe 🐘", b"", b"\0\xff" * 9,
        datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4), datetime.datetime(2024, 2, 29, 12), datetime.datetime(2024, 2, 29, 12, tzinfo=utc),
        datetime.timedelta(days=3, seconds=4, microseconds=5), uuid.UUID(int=7), Jsonb({"ä": [1, None]}), [1, 2, None], ["a", None, "ß"], [[1, 2], [3, 4]],
        Range(1, 5), Range(empty=True), Range(decimal.Decimal("1.5"), None), Multirange([Range(1, 3), Range(5, 7)]), {"k": "v", "n": None},
        [decimal.Decimal("1.5")], [uuid.UUID(int=1)], [True, False], [b"x", b""], [datetime.date(2024, 1, 1)],
    ]
    for value in values:
        for placeholder in ("%t", "%b", "%s"):
            def there_and_back():
                with connection.transaction():
                    row = connection.execute(f"SELECT {placeholder}, pg_typeof({placeholder})::text", [value, value]).fetchone()
                    return f"{row}"
            flow.attempt(f"dump {shown(value)} {placeholder}", there_and_back, diagnosis)
    flow.step("composite", connection.execute("SELECT (7, 'x')::pair, 'happy'::mood, ARRAY[(1, NULL)::pair]").fetchone())
    connection.rollback()


def prepared_statements(connection):
    connection.autocommit = True
    total = 0
    for number in range(200):
        total += connection.execute("SELECT %s::int4 * 2", [number], prepare=True).fetchone()[0]
    flow.step("reused", total, connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
    for number in range(250):
        connection.execute(f"SELECT {number} + %s::int4", [number], prepare=True)
    flow.step("evicted", connection.execute("SELECT count(*), sum(cardinality(parameter_types)) FROM pg_prepared_statements").fetchone())
    connection.execute("DEALLOCATE ALL")
    flow.step("deallocated", connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())
    raw = connection.pgconn
    flow.step("prepare", pq.ExecStatus(raw.prepare(b"mine", b"SELECT name, id, $1::mood FROM people WHERE id > $2 ORDER BY id LIMIT 3").status).name)
    described = raw.describe_prepared(b"mine")
    flow.step("describe", described.nparams, described.param_type(1), [described.fname(n).decode() for n in range(described.nfields)],
              [described.ftablecol(n) for n in range(described.nfields)])
    for first in (b"0", b"10", b"499"):
        done = raw.exec_prepared(b"mine", [b"ok", first])
        flow.step("execute", done.ntuples, [done.get_value(row, 0) for row in range(done.ntuples)])
    flow.step("prepared twice", pq.error_message(raw.prepare(b"mine", b"SELECT 1")))
    flow.step("parse fails", pq.error_message(raw.prepare(b"other", b"SELEC 1")))
    flow.step("unknown", pq.error_message(raw.exec_prepared(b"nobody", [])))
    flow.step("wrong count", pq.error_message(raw.exec_prepared(b"mine", [b"ok"])))
    flow.step("still there", raw.exec_prepared(b"mine", [b"sad", b"1"]).ntuples)
    flow.step("unknown portal", pq.error_message(raw.describe_portal(b"nobody")))
    connection.execute("PREPARE by_sql (int) AS SELECT $1 + 1")
    flow.step("SQL prepare", connection.execute("EXECUTE by_sql (41)").fetchone(), raw.exec_prepared(b"by_sql", [b"1"]).get_value(0, 0))
    connection.execute("DEALLOCATE by_sql")
    flow.step("SQL gone", pq.error_message(raw.exec_prepared(b"by_sql", [b"1"])))
    connection.execute("CREATE TEMP TABLE shape (a int)")
    connection.execute("SELECT * FROM shape", prepare=True)
    connection.execute("ALTER TABLE shape ADD b text")
    flow.attempt("plan changed", lambda: connection.execute("SELECT * FROM shape", prepare=True).description, diagnosis)
    connection.autocommit = False


def server_cursors(connection):
    for binary in (False, True):
        with connection.cursor("walk", binary=binary) as cursor:
            cursor.itersize = 37
            cursor.execute("SELECT id, name, balance, tags FROM people WHERE id <= %s ORDER BY id", [500])
            flow.step("cursor", digest(cursor))
    with connection.cursor("scroll", scrollable=True) as cursor:
        cursor.execute("SELECT id FROM people ORDER BY id")
        cursor.scroll(100)
        flow.step("scroll", cursor.fetchmany(3))
        cursor.scroll(-50)
        flow.step("back", cursor.fetchone())
        cursor.scroll(0, mode="absolute")
        flow.step("start", cursor.fetchone())
    with connection.cursor("held", withhold=True) as cursor:
        cursor.execute("SELECT id FROM people ORDER BY id")
        connection.commit()
        flow.step("held", cursor.fetchmany(2))
    connection.commit()
    flow.attempt("closed", lambda: connection.execute("FETCH walk").fetchall(), diagnosis)
    connection.rollback()


def copies(connection):
    for options in ("", "(FORMAT csv, HEADER)", "(FORMAT binary)", "(DELIMITER '|', NULL 'nix')"):
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY (SELECT * FROM people ORDER BY id) TO STDOUT {options}") as copy:
                data = b"".join(bytes(part) for part in copy)
            flow.step(f"copy out {options}", len(data), hashlib.sha256(data).hexdigest()[:16], cursor.statusmessage)
            cursor.execute("CREATE TEMP TABLE twin (LIKE people)")
            with cursor.copy(f"COPY twin FROM STDIN {options}") as copy:
                for start in range(0, len(data), 1777):
                    copy.write(data[start:start + 1777])
            flow.step("copy in", cursor.statusmessage, cursor.execute("SELECT count(*), sum(balance) FROM twin").fetchone(),
                      cursor.execute("SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS missing").fetchone())
            connection.rollback()
    with connection.cursor() as cursor:
        with cursor.copy("COPY people (id, name, feeling) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "text"])
            flow.step("copy rows", digest(copy.rows()))
        with cursor.copy("COPY sink (id, word, amount, moment, flag, data, list) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "text", "numeric", "timestamptz", "bool", "bytea", "int4[]"])
            for number in range(1000):
                copy.write_row((number, f"w{number}", decimal.Decimal(number) / 8, datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), number % 2 == 0,
                                bytes([number % 256]), [number, None]))
        flow.step("copied", cursor.execute("SELECT count(*), sum(id), sum(amount), sum(length(data)) FROM sink").fetchone())
        connection.rollback()

        def bad_row():
            with cursor.copy("COPY sink (id, word) FROM STDIN") as copy:
                for number in range(20000):
                    copy.write(f"{number if number != 777 else 'x'}\tword\n")
        flow.attempt("copy of a bad row", bad_row, diagnosis)
        connection.rollback()

        def given_up():
            with cursor.copy("COPY sink (id, word) FROM STDIN") as copy:
                copy.write("1\tx\n")
                raise ValueError("the client changes its mind")
        flow.attempt("copy given up", given_up)
        flow.step("after", connection.info.transaction_status.name)
        connection.rollback()

        def half_read():
            with cursor.copy("COPY (SELECT repeat('x', 100) FROM generate_series(1, 50000)) TO STDOUT") as copy:
                for _ in copy:
                    raise ValueError("enough")
        flow.attempt("copy half read", half_read, diagnosis)
        connection.rollback()
        flow.attempt("copy that fails", lambda: cursor.copy("COPY nowhere TO STDOUT").__enter__(), diagnosis)
        connection.rollback()

        def fails_late():
            with cursor.copy("COPY (SELECT 1000 / (3000 - n) FROM generate_series(1, 4000) n) TO STDOUT") as copy:
                return len([1 for _ in copy])
        flow.attempt("copy fails late", fails_late, diagnosis)
        connection.rollback()


def failures(connection):
    statements = [
        "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')", "INSERT INTO people (name) VALUES (NULL)", "UPDATE people SET balance = -1 WHERE id = 1",
        "SELECT 1 / 0", "SELECT * FROM nowhere", "SELECT nothing FROM people", "SELEC 1", "SELECT 'x'::int", "SELECT 0::positive", "SELECT 'angry'::mood",
        "SELECT complain('all')", "SELECT no_function(1)", "SELECT '\\x0'::bytea", "SELECT lower(1, 2)", "DROP TABLE nowhere", "CREATE TABLE people (a int)",
    ]
    for statement in statements:
        flow.attempt(statement, lambda: connection.execute(statement).fetchall(), diagnosis)
        flow.step("status", connection.info.transaction_status.name)
        flow.attempt("aborted", lambda: connection.execute("SELECT 1").fetchall(), diagnosis)
        connection.rollback()
    with connection.transaction():
        connection.execute("INSERT INTO sink (id) VALUES (1)")
        try:
            with connection.transaction():
                connection.execute("INSERT INTO sink (id) VALUES (2)")
                connection.execute("SELECT 1 / 0")
        except errors.DivisionByZero:
            flow.step("savepoint", connection.info.transaction_status.name, connection.execute("SELECT array_agg(id) FROM sink").fetchone())
        with connection.transaction():
            connection.execute("INSERT INTO sink (id) VALUES (3)")
    flow.step("kept", connection.execute("SELECT array_agg(id ORDER BY id) FROM sink").fetchone())
    connection.execute("TRUNCATE sink")
    connection.commit()


def simple_queries(connection):
    raw = connection.pgconn
    for text in ("", ";", "-- nothing", "SELECT 1; SELECT 'two', 3; ", "SELECT 1; SELECT 1/0; SELECT 2", "BEGIN; INSERT INTO sink (id) VALUES (5); COMMIT; SELECT count(*) FROM sink",
                 "INSERT INTO sink (id) VALUES (6); SELECT 1/0", "SELECT count(*) FROM sink", "CREATE TEMP TABLE t1 (a int); INSERT INTO t1 VALUES (1), (2) RETURNING a; DROP TABLE t1",
                 "BEGIN; SELECT 1/0; SELECT 1", "ROLLBACK; SET DateStyle = 'German, DMY'; SELECT date '2024-02-29'", "RESET DateStyle; TRUNCATE sink", "BEGIN; BEGIN; COMMIT; COMMIT",
                 "VALUES (1, NULL), (2, 'x')", "SHOW search_path", "EXPLAIN (COSTS off) SELECT * FROM people WHERE id = 1", "SELECT FROM people LIMIT 2"):
        raw.send_query(text.encode())
        results = []
        while (done := raw.get_result()) is not None:
            rows = [[done.get_value(row, column) for column in range(done.nfields)] for row in range(done.ntuples)]
            results.append((pq.ExecStatus(done.status).name, (done.command_status or b"").decode(), rows, pq.error_message(done) if done.error_message else ""))
        flow.step(f"simple {text}", results, pq.TransactionStatus(raw.transaction_status).name)


def cancels(connection):
    with connect(autocommit=True) as other:
        for prepare in (False, True):
            sleeping = in_background(lambda: connection.execute("SELECT pg_sleep(%s)", [60], prepare=prepare))
            await_sleeper(lambda text: other.execute(text).fetchone()[0])
            connection.cancel_safe()
            problem = sleeping()
            flow.step("cancelled", type(problem).__name__, diagnosis(problem), connection.info.transaction_status.name)
            connection.rollback()
            flow.step("usable", connection.execute("SELECT 'after'").fetchone())
            connection.rollback()
        connection.cancel_safe()
        flow.step("cancel of nothing", connection.execute("SELECT 1").fetchone())
        connection.rollback()


def pipelines(connection):
    connection.autocommit = True
    with connection.pipeline() as pipeline:
        cursors = [connection.execute("SELECT %s::int4, repeat('x', %s)", [number, number]) for number in range(300)]
        pipeline.sync()
        flow.step("pipeline", sum(cursor.fetchone()[0] for cursor in cursors))

    def with_error():
        with connection.pipeline() as pipeline:
            connection.execute("INSERT INTO sink (id) VALUES (1)")
            connection.execute("SELECT 1 / %s", [0])
            connection.execute("INSERT INTO sink (id) VALUES (2)")
            pipeline.sync()
    flow.attempt("pipeline error", with_error, diagnosis)
    flow.step("rolled back", connection.execute("SELECT count(*) FROM sink").fetchone())
    with connection.pipeline() as pipeline:
        first = connection.execute("INSERT INTO sink (id) VALUES (1) RETURNING id")
        pipeline.sync()
        try:
            connection.execute("SELECT 1 / 0")
            pipeline.sync()
        except errors.Error as problem:
            flow.step("second of three", diagnosis(problem))
        try:
            third = connection.execute("INSERT INTO sink (id) VALUES (3) RETURNING id")
            pipeline.sync()
            flow.step("around it", first.fetchone(), third.fetchone())
        except errors.Error as problem:
            flow.step("around it", type(problem).__name__, diagnosis(problem))
    flow.step("kept", connection.execute("SELECT array_agg(id) FROM sink").fetchone())
    with connection.pipeline():
        with connection.transaction():
            for number in range(50):
                connection.execute("INSERT INTO sink (id) VALUES (%s)", [number], prepare=True)
    flow.step("in a transaction", connection.execute("SELECT count(*) FROM sink").fetchone())
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO sink (id, word) VALUES (%s, %s) RETURNING id", [(number, str(number)) for number in range(500)], returning=True)
        returned = [cursor.fetchone()[0]]
        while cursor.nextset():
            returned.append(cursor.fetchone()[0])
        flow.step("executemany", sum(returned), cursor.rowcount)
        flow.attempt("executemany fails", lambda: cursor.executemany("INSERT INTO people (id, name) VALUES (%s, %s)", [(7000, "a"), (7001, "b"), (7000, "c")]), diagnosis)
        connection.rollback()
    connection.execute("TRUNCATE sink")
    connection.commit()


def notifications(connection):
    with connect(autocommit=True) as other:
        other.execute("LISTEN news")
        other.execute("LISTEN \"größe\"")
        connection.execute("NOTIFY news, 'not sent'")
        connection.rollback()
        for number in range(5):
            connection.execute("SELECT pg_notify('news', %s)", [f"number {number}"])
        connection.execute("SELECT pg_notify('größe', repeat('x', 7000))")
        connection.commit()
        flow.step("notified", [(n.channel, len(n.payload), n.payload[:20]) for n in other.notifies(timeout=20, stop_after=6)])
        other.execute("UNLISTEN *")
        other.execute("NOTIFY news")
        other.execute("LISTEN self")
        other.execute("NOTIFY self, 'me'")
        flow.step("self", [(n.channel, n.payload, n.pid == other.info.backend_pid) for n in other.notifies(timeout=20, stop_after=1)])
    heard = []
    handler = lambda diagnostic: heard.append((diagnostic.severity, diagnostic.sqlstate, diagnostic.message_primary, diagnostic.message_hint, diagnostic.context))
    connection.add_notice_handler(handler)
    for kind in ("notice", "warning", "none"):
        flow.step("complains", connection.execute("SELECT complain(%s)", [kind]).fetchone())
    connection.execute("DO $$ BEGIN FOR n IN 1..100 LOOP RAISE NOTICE 'notice %', n; END LOOP; END $$")
    connection.execute("DROP TABLE IF EXISTS nowhere")
    flow.step("notices", len(heard), heard[:2], digest(heard), heard[-1])
    connection.remove_notice_handler(handler)
    connection.rollback()


def large(connection):
    cursor = connection.cursor()
    flow.step("many rows", digest(cursor.execute("SELECT n, md5(n::text), n * 1.5 FROM generate_series(1, 150000) AS n")))
    with connection.cursor(binary=True) as binary:
        flow.step("streamed", digest(binary.stream("SELECT n, n::text FROM generate_series(1, 100000) AS n")))
        flow.step("streamed by 500", digest(binary.stream("SELECT n, n::numeric FROM generate_series(1, 20000) AS n", size=1)))
    value = connection.execute("SELECT repeat('0123456789', 5000000)").fetchone()[0]
    flow.step("50 MB", len(value), hashlib.sha256(value.encode()).hexdigest()[:16])
    sent = bytes(range(256)) * 80000
    row = connection.execute("SELECT length(%b::bytea), md5(%b::bytea), %b::bytea", [sent, sent, sent]).fetchone()
    flow.step("20 MB there and back", row[0], row[1], row[2] == sent)
    flow.step("wide rows", digest(connection.execute("SELECT repeat(chr(65 + n % 26), 100000 + n) FROM generate_series(1, 100) AS n")))
    flow.step("many columns", digest(connection.execute("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600)))))
    flow.step("many parameters", connection.execute("SELECT cardinality(ARRAY[" + ", ".join(["%s::int4"] * 60000) + "])", [1] * 60000).fetchone())
    flow.step("empty", connection.execute("SELECT * FROM people WHERE false").fetchall())
    connection.rollback()


def settings(connection):
    with connect(application_name="a flow", options="-c statement_timeout=150 -c TimeZone=Asia/Kolkata -c extra_float_digits=0") as other:
        flow.step("at start", other.execute("SELECT current_setting('application_name'), current_setting('TimeZone'), timestamptz '2024-01-01 00:00+00'::text, 0.1::float4::float8").fetchone())
        flow.step("reported", other.info.parameter_status("application_name"), other.info.parameter_status("TimeZone"))
        flow.attempt("statement_timeout", lambda: other.execute("SELECT pg_sleep(60)"), diagnosis)
    connection.execute("SET application_name = 'größe'")
    connection.execute("SET TimeZone = 'America/New_York'")
    flow.step("set", connection.info.parameter_status("application_name"), connection.info.parameter_status("TimeZone"), connection.info.timezone)
    connection.rollback()
    flow.step("rolled back", connection.info.parameter_status("application_name"), connection.info.parameter_status("TimeZone"))
    with connect() as other:
        # Not with the startup packet: there another encoding than UTF-8 is refused.
        other.execute("SET client_encoding = latin1")
        flow.step("latin1", other.info.encoding, other.execute("SELECT 'größe', %s", ["ÄÖÜ"]).fetchone())
        flow.attempt("not in latin1", lambda: other.execute("SELECT chr(9731)").fetchone(), diagnosis)


def isolation(connection):
    for level in psycopg.IsolationLevel:
        for read_only in (False, True):
            with connect() as other:
                other.isolation_level, other.read_only = level, read_only
                flow.step("isolation", other.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')").fetchone())
                flow.attempt("write", lambda: other.execute("INSERT INTO sink (id) VALUES (1)").rowcount, diagnosis)
                other.rollback()
    with connect() as one, connect() as two:
        one.isolation_level = two.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        for it in (one, two):
            it.execute("SELECT sum(balance) FROM people").fetchone()
        one.execute("UPDATE people SET balance = balance + 1 WHERE id = 1")
        one.commit()
        flow.attempt("conflict", lambda: two.execute("UPDATE people SET balance = balance + 1 WHERE id = 1").rowcount,
                     lambda problem: f"{problem.diag.sqlstate} {problem.diag.message_primary}")
        two.rollback()
    connection.execute("UPDATE people SET balance = 1.25 WHERE id = 1")
    connection.commit()
    xid = connection.xid(1, GLOBAL_NAME, "a branch")
    connection.tpc_begin(xid)
    connection.execute("INSERT INTO sink (id) VALUES (77)")
    connection.tpc_prepare()
    connection.tpc_rollback()
    flow.step("two-phase", connection.execute("SELECT count(*) FROM sink").fetchone())
    connection.rollback()


def rows_and_calls(connection):
    with connection.cursor(row_factory=dict_row) as cursor:
        flow.step("dict", cursor.execute("SELECT id, name AS \"Ein Name\", born FROM people ORDER BY id LIMIT 2").fetchall(), cursor.description)
        flow.step("call", cursor.execute("CALL add_person(%s, NULL)", ["new"]).fetchall())
        flow.step("records", cursor.execute("SELECT * FROM two_results()").fetchall(), cursor.statusmessage)
        flow.step("composed", cursor.execute(sql.SQL("SELECT {} FROM {} WHERE id = {}").format(sql.Identifier("name"), sql.Identifier("people"), sql.Literal(3))).fetchone())
        flow.step("merge of counts", cursor.execute("UPDATE people SET balance = 0 WHERE id < 50").rowcount, cursor.execute("DELETE FROM people WHERE id > 450 RETURNING id").rowcount)
    connection.rollback()


async def with_asyncio():
    async with await psycopg.AsyncConnection.connect(DSN) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT id, name FROM people ORDER BY id LIMIT 5")
            flow.step("async", await cursor.fetchall())
            total = 0
            async for row in cursor.stream("SELECT n FROM generate_series(1, 5000) AS n"):
                total += row[0]
            flow.step("async stream", total)
            async with cursor.copy("COPY sink (id) FROM STDIN") as copy:
                for number in range(100):
                    await copy.write_row([number])
            flow.step("async copy", cursor.rowcount)
        await connection.rollback()
    connections = [await psycopg.AsyncConnection.connect(DSN) for _ in range(10)]
    rows = await asyncio.gather(*[(await it.execute("SELECT %s::int4", [n])).fetchone() for n, it in enumerate(connections)])
    flow.step("ten at once", rows)
    for it in connections:
        await it.close()


with connect() as connection:
    for part in (parameter_status, raw_values, loaded_values, dumped_values, prepared_statements, server_cursors, copies, failures, simple_queries, cancels, pipelines,
                 notifications, large, settings, isolation, rows_and_calls):
        part(connection)
        connection.rollback()
asyncio.run(with_asyncio())
flow.done()
