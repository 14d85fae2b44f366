"""asyncpg, psycopg and pg8000: what they ask by themselves when they connect, meet a type they do not know, and give a connection back."""

import asyncio
import os
import urllib.parse

import asyncpg
import pg8000.native
import psycopg
import psycopg2
import psycopg2.extras
from psycopg.types import TypeInfo, composite, enum, multirange, range

DSN = os.environ["PGSLUICE_TEST_DSN"]


async def with_asyncpg():
    pool = await asyncpg.create_pool(DSN, min_size=1, max_size=2)
    async with pool.acquire() as connection:
        print(await connection.fetchval("SELECT 'ok'::shop.mood"), await connection.fetchval("SELECT ARRAY['ok']::shop.mood[]"))
        print(await connection.fetchval("SELECT (1, 'x')::shop.pair"), await connection.fetchval("SELECT 3::shop.positive"))
        print(await connection.fetch("SELECT * FROM people"), await connection.fetchval("SELECT p FROM people p"))
        await connection.set_type_codec("mood", schema="shop", encoder=str, decoder=str)
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
        await connection.set_builtin_type_codec("positive", schema="shop", codec_name="int4")
        await connection.reload_schema_state()
        statement = await connection.prepare("SELECT feeling, tags FROM people WHERE id = $1")
        print(statement.get_attributes(), statement.get_parameters(), connection.get_settings().server_encoding)
        await connection.reset()
    await pool.close()


asyncio.run(with_asyncpg())
with psycopg.connect(DSN) as connection:
    print(TypeInfo.fetch(connection, "shop.mood"), enum.EnumInfo.fetch(connection, "shop.mood"), composite.CompositeInfo.fetch(connection, "shop.pair"))
    print(range.RangeInfo.fetch(connection, "int4range"), multirange.MultirangeInfo.fetch(connection, "int4multirange"))
    print(TypeInfo.fetch(connection, "hstore"), connection.info.server_version, connection.execute("SELECT * FROM people").description)
connection = psycopg2.connect(DSN)
psycopg2.extras.register_composite("shop.pair", connection)
print(psycopg2.extras.HstoreAdapter.get_oids(connection))
connection.reset()
connection.close()
address = urllib.parse.urlsplit(DSN)
connection = pg8000.native.Connection(address.username, host=address.hostname, port=address.port, password=urllib.parse.unquote(address.password),
                                      database=address.path[1:])
print(connection.run("SELECT * FROM people"))
connection.close()
