// node-postgres with pg-cursor: text values, named statements, portals read in parts, cancel from the server's side, notices, the pool.
import pg from 'pg';
import Cursor from 'pg-cursor';
import { DSN, TYPES, attempt, awaitSleeper, digest, done, hash, step } from './flow.mjs';

const open = async (options = {}) => {
  const client = new pg.Client({ connectionString: DSN, ...options });
  await client.connect();
  return client;
};
const client = await open();
const rows = async (text, values) => (await client.query(text, values)).rows;

for (const [name, literal] of TYPES) await attempt(`type ${name}`, async () => {
  const result = await client.query(`SELECT $1::${name} AS v`, [literal]);
  return [result.rows, result.fields.map(({ name, dataTypeID, dataTypeSize, dataTypeModifier, format, tableID, columnID }) => [name, dataTypeID, dataTypeSize, dataTypeModifier, format, tableID, columnID])];
});
for (const [name, literal] of TYPES) await attempt(`binary ${name}`, async () => {
  const result = await client.query({ text: `SELECT $1::${name} AS v`, values: [literal], binary: true, types: { getTypeParser: () => (value) => value } });
  return result.rows;
});
for (const value of [null, true, 1, 1.5, 'größe 🐘', Buffer.from([0, 255]), new Date(0), [1, null, 2], ['a"', null], { a: [1] }, 12345678901234567890n])
  await attempt('value', () => rows('SELECT $1::text AS v', [value]));

for (let n = 0; n < 50; n += 1) await client.query({ name: 'named', text: 'SELECT id, name FROM people WHERE id > $1 ORDER BY id LIMIT 3', values: [n] });
step('named', await rows({ name: 'named', text: 'SELECT id, name FROM people WHERE id > $1 ORDER BY id LIMIT 3', values: [497] }), await rows('SELECT name, calls FROM (SELECT name, generic_plans + custom_plans AS calls FROM pg_prepared_statements) AS t'));
await attempt('same name, other text', () => rows({ name: 'named', text: 'SELECT 1' }));
let sum = 0;
for (let n = 0; n < 150; n += 1) sum += (await rows({ name: `s${n}`, text: `SELECT ${n}::int + $1::int AS v`, values: [1] }))[0].v;
step('many names', sum, await rows('SELECT count(*) FROM pg_prepared_statements'));
await client.query('DEALLOCATE ALL');
step('array rows', (await client.query({ text: 'SELECT id, name FROM people ORDER BY id LIMIT 2', rowMode: 'array' })).rows);
const queued = await Promise.allSettled([1, 2, 0, 4].map((n) => client.query('SELECT 12 / $1::int AS v', [n])));
step('queued', queued.map((one) => one.value?.rows ?? one.reason.code));
const several = await client.query('SELECT 1 AS a; INSERT INTO sink (id) VALUES (1), (2); SELECT count(*) FROM sink; TRUNCATE sink');
step('several', several.map((one) => [one.command, one.rowCount, one.rows]));
for (const text of ['', ';', 'SELEC', 'SELECT 1/0', 'SELECT * FROM nowhere', "SELECT complain('all')", "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')", 'UPDATE people SET balance = -1', 'SELECT 1; SELECT 1/0'])
  await attempt(`statement ${text}`, async () => { const result = await client.query(text); return [result.command, result.rows]; });
await attempt('bad value', () => rows('SELECT $1::int', ['x']));
await attempt('missing value', () => rows('SELECT $1::int, $2::int', [1]));

await client.query('BEGIN');
await client.query('INSERT INTO sink (id) VALUES (1)');
await client.query('SAVEPOINT here');
await attempt('fails', () => rows('SELECT 1 / $1::int', [0]));
await attempt('aborted', () => rows('SELECT 1'));
await client.query('ROLLBACK TO here');
step('recovered', await rows('SELECT id FROM sink'));
await client.query('ROLLBACK');
for (const level of ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']) {
  await client.query(`BEGIN ISOLATION LEVEL ${level} READ ONLY`);
  step(level, await rows('SHOW transaction_isolation'));
  await attempt('write', () => rows('DELETE FROM sink'));
  await client.query('ROLLBACK');
}

const cursor = client.query(new Cursor('SELECT n, md5(n::text) FROM generate_series(1, $1::int) AS n', [10000]));
const parts = [];
for (let part = await cursor.read(777); part.length > 0; part = await cursor.read(777)) parts.push(...part);
step('cursor', digest(parts));
const early = client.query(new Cursor('SELECT n FROM generate_series(1, 100000) AS n'));
step('early', await early.read(5));
await early.close();
await attempt('cursor fails', async () => {
  const failing = client.query(new Cursor('SELECT 10 / (50 - n) AS v FROM generate_series(1, 100) AS n'));
  const first = await failing.read(20);
  step('first part', first.length);
  return failing.read(60);
});
step('usable', await rows("SELECT 'after' AS v"));

const other = await open({ application_name: 'a flow', statement_timeout: 20000, options: '-c TimeZone=Asia/Kolkata' });
const one = async (text) => Object.values((await other.query(text)).rows[0])[0];
step('at start', await one("SELECT current_setting('application_name')"), await one("SELECT current_setting('TimeZone')"), await one("SELECT current_setting('statement_timeout')"));
const sleeping = client.query('SELECT pg_sleep(60)').catch((problem) => problem);
await awaitSleeper(one);
await other.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'");
await attempt('cancelled', async () => { throw await sleeping; });
await client.query('SET statement_timeout = 100');
await attempt('statement_timeout', () => rows('SELECT pg_sleep(60)'));
await client.query('RESET statement_timeout');

const heard = [];
const all = new Promise((resolve) => other.on('notification', ({ channel, payload }) => { if (heard.push([channel, payload]) === 5) resolve(); }));
await other.query('LISTEN news');
for (let n = 0; n < 5; n += 1) await client.query('SELECT pg_notify($1, $2)', ['news', `größe ${n}`]);
await all;
step('notified', heard);
const notices = [];
client.on('notice', ({ severity, code, message, detail, hint, where, routine }) => notices.push({ severity, code, message, detail, hint, where, routine }));
await client.query("SELECT complain('notice'), complain('warning')");
await client.query('DROP TABLE IF EXISTS nowhere');
step('notices', notices);

step('many rows', digest(await rows('SELECT n, md5(n::text) FROM generate_series(1, 100000) AS n')));
const [{ v: huge }] = await rows("SELECT repeat('0123456789', 5000000) AS v");
step('50 MB', huge.length, hash(huge));
const sent = Buffer.alloc(10_000_000, 'abc');
step('10 MB there and back', (await rows('SELECT md5($1::bytea) AS m, $1::bytea AS v', [sent])).map(({ m, v }) => [m, v.equals(sent)]));
step('many parameters', await rows(`SELECT ${Array.from({ length: 1500 }, (_, n) => `$${n + 1}::int AS c${n}`).join(', ')}`, Array.from({ length: 1500 }, (_, n) => n)));

const pool = new pg.Pool({ connectionString: DSN, max: 6 });
step('pool', (await Promise.all(Array.from({ length: 100 }, (_, n) => pool.query('SELECT $1::int * 2 AS v', [n])))).reduce((total, result) => total + result.rows[0].v, 0));
await pool.end();
await other.end();
await client.end();
done();
