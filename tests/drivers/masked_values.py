"""Values of every type, all of them masked: whatever comes must be read by the drivers as the type that it was announced as, and be another value.

Each line of `fixtures/values.txt` is put into a table by the server itself; then psycopg reads the tables in text and in binary, asyncpg in binary."""

import asyncio
import os
import pathlib
import re
import sys

import asyncpg
import psycopg

# Truth values pass: they say little.
PASSING = {"bool", "void"}


def cases():
    path = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "values.txt"
    for line in path.read_text().splitlines():
        parts = line.split("\t")
        if not line.startswith("#") and len(parts) >= 2 and not parts[1].startswith("="):
            yield parts[0], parts[1]


def fill(direct):
    """One table for each type; types and literals that this server does not know are left out."""
    tables = {}
    with psycopg.connect(direct, autocommit=True) as connection:
        for kind, literal in cases():
            try:
                if kind not in tables:
                    name = f"values_{len(tables)}"
                    connection.execute(f'CREATE TABLE {name} (id serial, v {kind})')
                    tables[kind] = name
                connection.execute(f"INSERT INTO {tables[kind]} (v) VALUES ('{literal.replace(chr(39), chr(39) * 2)}'::{kind})")
            except psycopg.Error:
                continue
        counts = {kind: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for kind, name in tables.items()}
    return {kind: name for kind, name in tables.items() if counts[kind]}


def says_something(value):
    """Whether there is anything in a value that could be masked: not in an empty range, an array of nothing."""
    return value is not None and re.sub(r"empty|None|\\x00|\bb'|[^0-9A-Za-z]", "", value) != ""


def texts(rows):
    return [None if row[0] is None else str(row[0]) for row in rows]


async def main():
    direct, through = os.environ["DIRECT"], os.environ["THROUGH"]
    tables = fill(direct)
    told, read = [], 0
    connection = await asyncpg.connect(through)
    with psycopg.connect(direct, autocommit=True) as plain, psycopg.connect(through, autocommit=True) as masked:
        for kind, name in tables.items():
            query = f"SELECT v FROM {name} ORDER BY id"
            for binary in (False, True):
                try:
                    original = texts(plain.cursor(binary=binary).execute(query).fetchall())
                except Exception:  # what a driver cannot read from the server itself says nothing
                    continue
                try:
                    shown = texts(masked.cursor(binary=binary).execute(query).fetchall())
                except Exception as error:
                    told.append(f"{kind}: psycopg, binary {binary}: {type(error).__name__} {error}")
                    masked.rollback()
                    continue
                read += len(shown)
                same = [a for a, b in zip(original, shown, strict=True) if a == b and says_something(a)]
                if same and kind not in PASSING:
                    told.append(f"{kind}: not masked, binary {binary}: {same[:3]}")
            try:
                read += len(await connection.fetch(query))
            except Exception as error:
                told.append(f"{kind}: asyncpg: {type(error).__name__} {error}")
    await connection.close()
    print("\n".join(told))
    print(f"{len(tables)} types, {read} values")
    sys.exit(1 if told or len(tables) < 60 else 0)


asyncio.run(main())
