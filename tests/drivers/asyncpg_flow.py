"""asyncpg: binary everywhere, its statement cache, Parse and Describe before each Bind, cursors, COPY, cancel by timeout, listeners, the pool."""

import asyncio
import datetime
import decimal
import hashlib
import io
import uuid

import asyncpg

from flow import DSN, IS_ASLEEP, TYPES, Flow, digest, shown

flow = Flow()
STATUS = ["server_version", "server_encoding", "client_encoding", "is_superuser", "session_authorization", "TimeZone", "integer_datetimes", "application_name"]


def diagnosis(problem):
    if not isinstance(problem, asyncpg.PostgresError):
        return str(problem)
    return " ".join(f"{name}={value}" for name, value in sorted(problem.as_dict().items()))


async def attempt(name, awaitable):
    try:
        flow.step(name, await awaitable)
    except (Exception, asyncio.CancelledError) as problem:
        flow.step(name, f"{type(problem).__name__}: {diagnosis(problem)}")


async def values(connection):
    settings = connection.get_settings()
    flow.step("settings", {name: getattr(settings, name, None) for name in STATUS}, connection.get_server_version())
    for name, literal in TYPES:
        await attempt(f"from text {name}", connection.fetchval(f"SELECT $1::text::{name}", literal))
    for name, literal in TYPES:
        async def there_and_back():
            value = await connection.fetchval(f"SELECT $1::text::{name}", literal)
            return tuple(await connection.fetchrow(f"SELECT $1::{name} AS value, $1::{name}::text AS text", value))
        await attempt(f"there and back {name}", there_and_back())
    utc = datetime.timezone.utc
    for name, value in [
        ("int8", 2**63), ("int4", "x"), ("numeric", decimal.Decimal("1e-30")), ("timestamptz", datetime.datetime(2024, 2, 29, tzinfo=utc)), ("text[]", [["a"], [None]]),
        ("uuid", uuid.UUID(int=5)), ("bytea", b"\0" * 5000), ("interval", datetime.timedelta(days=-1, microseconds=1)), ("pair", (1, "x")), ("mood", "happy"),
        ("int4range", asyncpg.Range(1, 5, upper_inc=True)), ("positive", -1), ("json", "{"), ("point", asyncpg.Point(1, 2)), ("bit(3)", asyncpg.BitString("101")),
    ]:
        await attempt(f"send {name} {shown(value)}", connection.fetchval(f"SELECT $1::{name}", value))
    await connection.set_type_codec("json", encoder=repr, decoder=lambda text: ("decoded", text), schema="pg_catalog")
    flow.step("own codec", await connection.fetchval("SELECT '{\"a\": 1}'::json"))
    await connection.set_builtin_type_codec("hstore", codec_name="pg_contrib.hstore")
    flow.step("hstore", await connection.fetchval("SELECT $1::hstore || 'x=>NULL'", {"a": "1"}))
    await connection.reset_type_codec("json", schema="pg_catalog")


async def statements(connection):
    prepared = await connection.prepare("SELECT id, name, $2::mood AS m FROM people WHERE id > $1 ORDER BY id LIMIT 4")
    flow.step("attributes", prepared.get_attributes(), prepared.get_parameters(), prepared.get_statusmsg())
    for first in (0, 250, 498, 600):
        flow.step("reuse", [tuple(row) for row in await prepared.fetch(first, "ok")], prepared.get_statusmsg())
    flow.step("explain", (await prepared.explain(0, "ok"))[0]["Plan"]["Node Type"])
    total = 0
    for number in range(300):
        total += await connection.fetchval(f"SELECT {number} + $1::int4", 1)
    flow.step("evicts", total)
    flow.step("executemany", await connection.executemany("INSERT INTO sink (id, word, list) VALUES ($1, $2, $3)", [(n, f"w{n}", [n, None]) for n in range(3000)]))
    flow.step("inserted", tuple(await connection.fetchrow("SELECT count(*), sum(id), sum(list[1]) FROM sink")))
    await attempt("executemany fails", connection.executemany("INSERT INTO people (id, name) VALUES ($1, $2)", [(n % 2000 + 8000, "x") for n in range(3000)]))
    flow.step("none of them", await connection.fetchval("SELECT count(*) FROM people WHERE id >= 8000"))
    flow.step("fetchmany", [tuple(row) for row in await connection.fetchmany("INSERT INTO sink (id) VALUES ($1) RETURNING id", [(n,) for n in range(5)])])
    await connection.execute("TRUNCATE sink")
    await connection.execute("CREATE TEMP TABLE shape (a int); INSERT INTO shape VALUES (1)")
    select = await connection.prepare("SELECT * FROM shape")
    flow.step("before", await select.fetch())
    await connection.execute("ALTER TABLE shape ADD b text")
    await attempt("plan changed", select.fetch())
    await attempt("asked anew", connection.fetch("SELECT * FROM shape"))
    await attempt("not a statement", connection.prepare("SELEC 1"))
    await attempt("too few", connection.fetch("SELECT $1::int, $2::int", 1))
    flow.step("script", await connection.execute("CREATE TEMP TABLE s (a int); INSERT INTO s VALUES (1), (2); UPDATE s SET a = a + 1"))
    await attempt("script fails", connection.execute("INSERT INTO s VALUES (9); SELECT 1/0"))
    flow.step("script undone", await connection.fetchval("SELECT sum(a) FROM s"))
    await connection.reload_schema_state()


async def cursors(connection):
    async with connection.transaction():
        rows = [tuple(row) async for row in connection.cursor("SELECT id, name, balance FROM people WHERE id > $1 ORDER BY id", 3, prefetch=7)]
        flow.step("cursor", digest(rows))
        cursor = await connection.cursor("SELECT n FROM generate_series(1, 1000) AS n")
        flow.step("forward", await cursor.forward(500), await cursor.fetchrow(), await cursor.fetch(3), len(await cursor.fetch(10000)), await cursor.fetchrow())
        one, two = [await connection.cursor(f"SELECT n * {k} FROM generate_series(1, 100) AS n") for k in (1, 2)]
        flow.step("interleaved", [((await one.fetchrow())[0], (await two.fetchrow())[0]) for _ in range(20)])
    await attempt("outside", one.fetchrow())

    async def no_transaction():
        return [row async for row in connection.cursor("SELECT 1")]
    await attempt("no transaction", no_transaction())

    async def fails_late():
        async with connection.transaction():
            return [row async for row in connection.cursor("SELECT 10 / (100 - n) FROM generate_series(1, 200) AS n", prefetch=30)]
    await attempt("fails late", fails_late())


async def copies(connection):
    for options in ({}, {"format": "csv", "header": True}, {"format": "binary"}, {"delimiter": "|", "null": "nix"}):
        out = io.BytesIO()
        flow.step("copy out", await connection.copy_from_query("SELECT * FROM people WHERE id > $1 ORDER BY id", 10, output=out, **options),
                  len(out.getvalue()), hashlib.sha256(out.getvalue()).hexdigest()[:16])
        await connection.execute("CREATE TEMP TABLE twin (LIKE people)")
        out.seek(0)
        flow.step("copy in", await connection.copy_to_table("twin", source=out, **options), await connection.fetchval("SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS t"))
        await connection.execute("DROP TABLE twin")
    now = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    flow.step("records", await connection.copy_records_to_table("sink", records=[(n, f"w{n}", decimal.Decimal(n) / 3, now, True, b"\0", [n]) for n in range(5000)]))
    flow.step("copied", tuple(await connection.fetchrow("SELECT count(*), sum(id), round(sum(amount), 5) FROM sink")))

    async def broken():
        yield b"1\tx\n"
        yield b"nonsense\n"
    await attempt("bad row", connection.copy_to_table("sink", source=broken(), columns=["id", "word"]))

    async def gives_up():
        yield b"1\tx\n"
        raise ValueError("the client changes its mind")
    await attempt("given up", connection.copy_to_table("sink", source=gives_up(), columns=["id", "word"]))

    def full(_):
        raise OSError("the disk is full")

    async def sink(data):
        full(data)
    await attempt("copy out not wanted", connection.copy_from_query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", output=sink))
    await attempt("no such table", connection.copy_from_table("nowhere", output=io.BytesIO()))
    flow.step("usable", await connection.fetchval("SELECT count(*) FROM sink"))
    await connection.execute("TRUNCATE sink")


async def transactions(connection):
    for statement in ("SELECT 1/0", "SELECT * FROM nowhere", "INSERT INTO people (name) VALUES (NULL)", "UPDATE people SET balance = -1", "SELECT complain('all')", "SELECT 'x'::int",
                      "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')"):
        await attempt(statement, connection.fetch(statement))
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO sink (id) VALUES (1)")
        await attempt(f"in a transaction {statement}", connection.fetch(statement))
        await attempt("aborted", connection.fetch("SELECT 1"))
        await transaction.rollback()
    async with connection.transaction():
        await connection.execute("INSERT INTO sink (id) VALUES (10)")
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO sink (id) VALUES (11)")
                await connection.fetch("SELECT 1/0")
        except asyncpg.DivisionByZeroError:
            flow.step("inner undone", connection.is_in_transaction())
        async with connection.transaction():
            await connection.execute("INSERT INTO sink (id) VALUES (12)")
    flow.step("kept", await connection.fetch("SELECT id FROM sink ORDER BY id"))
    for isolation in ("read_uncommitted", "read_committed", "repeatable_read", "serializable"):
        async with connection.transaction(isolation=isolation, readonly=True, deferrable=isolation == "serializable"):
            flow.step(isolation, await connection.fetchval("SHOW transaction_isolation"), await connection.fetchval("SHOW transaction_read_only"))
            await attempt("write", connection.execute("TRUNCATE sink"))
    await connection.execute("TRUNCATE sink")


async def cancels(connection):
    other = await asyncpg.connect(DSN)

    async def asleep():
        while await other.fetchval(IS_ASLEEP) != 1:
            await asyncio.sleep(0.01)
    task = asyncio.create_task(connection.fetch("SELECT pg_sleep($1)", 60.0))
    await asyncio.wait_for(asleep(), 30)
    task.cancel()
    await attempt("cancelled", task)
    flow.step("usable", await connection.fetchval("SELECT 'after'"))
    await attempt("timeout", connection.fetch("SELECT pg_sleep(60)", timeout=0.2))
    flow.step("usable", await connection.fetchval("SELECT 'after'"))
    transaction = connection.transaction()
    await transaction.start()
    await attempt("timeout in a transaction", connection.execute("SELECT pg_sleep(60)", timeout=0.2))
    await attempt("aborted", connection.fetch("SELECT 1"))
    await transaction.rollback()
    await attempt("timeout of a copy", connection.copy_from_query("SELECT pg_sleep(60)", output=io.BytesIO(), timeout=0.2))
    flow.step("usable", await connection.fetchval("SELECT 'after'"))
    await other.close()


async def notifications(connection):
    other = await asyncpg.connect(DSN)
    heard = asyncio.Queue()
    listener = lambda _connection, _pid, channel, payload: heard.put_nowait((channel, payload))
    await other.add_listener("news", listener)
    await other.add_listener("größe", listener)
    for number in range(5):
        await connection.execute("SELECT pg_notify('news', $1)", f"number {number}")
    await connection.execute("NOTIFY \"größe\", 'ü'")
    flow.step("notified", [await asyncio.wait_for(heard.get(), 20) for _ in range(6)])
    await other.remove_listener("news", listener)
    await other.close()
    logged = []
    logger = lambda _connection, message: logged.append(message.as_dict())
    connection.add_log_listener(logger)
    await connection.fetchval("SELECT complain('notice')")
    await connection.fetchval("SELECT complain('warning')")
    await connection.execute("DO $$ BEGIN FOR n IN 1..50 LOOP RAISE NOTICE 'notice %', n; END LOOP; END $$")
    await connection.fetchval("SELECT 1")
    connection.remove_log_listener(logger)
    flow.step("notices", len(logged), [sorted(one.items()) for one in logged[:3]])


async def large(connection):
    flow.step("many rows", digest(map(tuple, await connection.fetch("SELECT n, md5(n::text), n * 1.5 FROM generate_series(1, 150000) AS n"))))
    value = await connection.fetchval("SELECT repeat('0123456789', 5000000)")
    flow.step("50 MB", len(value), hashlib.sha256(value.encode()).hexdigest()[:16])
    sent = bytes(range(256)) * 80000
    flow.step("20 MB there and back", await connection.fetchval("SELECT md5($1::bytea)", sent), await connection.fetchval("SELECT $1::bytea", sent) == sent)
    flow.step("large array", len(await connection.fetchval("SELECT $1::int4[]", list(range(200000)))))
    flow.step("many columns", digest(map(tuple, await connection.fetch("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600))))))
    flow.step("large statement", len(await connection.fetchval("SELECT '" + "ä" * 3000000 + "'")))


async def the_pool():
    async with asyncpg.create_pool(DSN, min_size=4, max_size=8, server_settings={"application_name": "a pool", "TimeZone": "Asia/Kolkata", "statement_timeout": "20000"}) as pool:
        async def work(number):
            async with pool.acquire() as connection:
                async with connection.transaction():
                    return await connection.fetchval("SELECT $1::int * 2", number)
        flow.step("pool", sum(await asyncio.gather(*[work(n) for n in range(200)])))
        flow.step("pool settings", await pool.fetchrow("SELECT current_setting('application_name'), current_setting('TimeZone'), current_setting('statement_timeout')"))
        async with pool.acquire() as connection:
            await connection.execute("SET search_path = pg_catalog; LISTEN x; CREATE TEMP TABLE left_over (a int); SET statement_timeout = 12345")
        flow.step("reset", await pool.fetchrow("SELECT current_setting('search_path'), (SELECT count(*) FROM pg_listening_channels()), current_setting('statement_timeout')"))


async def main():
    connection = await asyncpg.connect(DSN)
    for part in (values, statements, cursors, copies, transactions, cancels, notifications, large):
        await part(connection)
    await connection.close()
    await the_pool()
    flow.done()


asyncio.run(main())
