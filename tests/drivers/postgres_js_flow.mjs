// postgres.js: pipelined by default, a Describe before each first use, cursors, COPY as streams, real CancelRequests, listeners, reservations.
import postgres from 'postgres';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DSN, TYPES, attempt, awaitSleeper, digest, done, hash, plain, step } from './flow.mjs';

const notices = [];
const statuses = {};
const options = { max: 1, onnotice: ({ severity, code, message, detail, hint, where }) => notices.push({ severity, code, message, detail, hint, where }), onparameter: (name, value) => { statuses[name] = value; } };
const sql = postgres(DSN, options);
const plainRows = (rows) => rows.map((row) => ({ ...row }));

for (const [name, literal] of TYPES) await attempt(`type ${name}`, async () => {
  const rows = await sql.unsafe(`SELECT $1::text::${name} AS v`, [literal]);
  return [plainRows(rows), rows.columns.map(({ name, type, table, number }) => [name, type, table, number]), rows.command, rows.count];
});
for (const value of [null, true, 1, 1.5, 'größe 🐘', Buffer.from([0, 255]), new Date(0), 2n ** 60n]) await attempt(`value ${plain(value)}`, async () => plainRows(await sql`SELECT ${value} AS v`));
step('arrays', plainRows(await sql`SELECT ${[1, 2, 3]}::int[] AS a, ${['x', null, 'q"']}::text[] AS b, ${sql.json({ ä: [1, null] })} AS j, ${sql.array(['a', 'b'])} AS c`));
step('status', ['server_version', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'application_name'].map((name) => statuses[name]));

let sum = 0;
for (let n = 0; n < 200; n += 1) sum += (await sql`SELECT ${n}::int * 2 AS v`)[0].v;
step('reused', sum, plainRows(await sql`SELECT count(*)::int FROM pg_prepared_statements`));
step('at once', (await Promise.all(Array.from({ length: 200 }, (_, n) => sql`SELECT ${n}::int + ${n}::int AS v`))).reduce((total, [row]) => total + row.v, 0));
step('some fail', (await Promise.allSettled([1, 0, 3, 0, 5].map((n) => sql`SELECT 30 / ${n}::int AS v`))).map((one) => one.value?.[0].v ?? one.reason.code));
step('unprepared', plainRows(await sql`SELECT 7 AS v`.simple()), (await sql.unsafe('SELECT 1 AS a; SELECT 2 AS b')).map((one) => plainRows(one)));
step('described', await sql`SELECT id, name, balance FROM people WHERE id = ${1}`.describe().then(({ types, columns }) => [types, columns.map(({ name, type }) => [name, type])]));
step('raw', (await sql`SELECT id, name, NULL::int FROM people ORDER BY id LIMIT 2`.raw()).map((row) => row.map((cell) => cell && cell.toString())));
const people = [{ id: 9001, name: 'neu' }, { id: 9002, name: 'größe' }];
step('inserted', plainRows(await sql`INSERT INTO people ${sql(people)} RETURNING id, name`), plainRows(await sql`UPDATE people SET ${sql({ balance: 5 })} WHERE id IN ${sql([9001, 9002])} RETURNING balance`), (await sql`DELETE FROM people WHERE id > 9000`).count);

for (const text of ['', 'SELEC', 'SELECT 1/0', 'SELECT * FROM nowhere', "SELECT complain('all')", 'INSERT INTO people (name) VALUES (NULL)']) await attempt(`statement ${text}`, async () => plainRows(await sql.unsafe(text)));
await attempt('transaction', () => sql.begin(async (tx) => {
  await tx`INSERT INTO sink (id) VALUES (1)`;
  await tx.savepoint(async (inner) => { await inner`INSERT INTO sink (id) VALUES (2)`; await inner`SELECT 1/0`; }).catch((problem) => step('savepoint', problem.code));
  await tx.savepoint((inner) => inner`INSERT INTO sink (id) VALUES (3)`);
  return plainRows(await tx`SELECT id FROM sink ORDER BY id`);
}));
await attempt('rolled back', () => sql.begin('isolation level serializable read only', async (tx) => { step('isolation', plainRows(await tx`SHOW transaction_isolation`)); await tx`TRUNCATE sink`; }));
await attempt('pipelined transaction', () => sql.begin((tx) => [tx`SELECT 1 AS v`, tx`INSERT INTO sink (id) VALUES (4)`, tx`SELECT 1/0`]));
step('kept', plainRows(await sql`SELECT id FROM sink ORDER BY id`));

const walked = [];
await sql`SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n`.cursor(111, (rows) => { walked.push(...plainRows(rows)); });
step('cursor', digest(walked));
const few = [];
for await (const [row] of sql`SELECT n FROM generate_series(1, 100000) AS n`.cursor(1)) { few.push(row.n); if (few.length === 3) break; }
step('left early', few);
let count = 0;
await sql`SELECT n FROM generate_series(1, 100000) AS n`.forEach(() => { count += 1; });
step('for each', count);

// Small, for its readable side may leave the socket paused after a large one; not binary, whose COPY in never ends: both direct as well.
for (const format of ['text', 'csv']) {
  const parts = [];
  const out = await sql.unsafe(`COPY (SELECT * FROM people WHERE id <= 50) TO STDOUT (FORMAT ${format})`).readable();
  for await (const part of out) parts.push(part);
  const data = Buffer.concat(parts);
  await sql.unsafe('CREATE TABLE twin (LIKE people)');
  await pipeline(Readable.from(data.length ? [data.subarray(0, 1000), data.subarray(1000)] : []), await sql.unsafe(`COPY twin FROM STDIN (FORMAT ${format})`).writable());
  step(`copy ${format}`, data.length, hash(data), plainRows(await sql`SELECT count(*)::int FROM (SELECT * FROM people WHERE id <= 50 EXCEPT SELECT * FROM twin) AS t`), plainRows(await sql`SELECT count(*)::int FROM twin`));
  await sql`DROP TABLE twin`;
}

const other = postgres(DSN, { ...options, connection: { application_name: 'a flow', statement_timeout: 20000, TimeZone: 'Asia/Kolkata' } });
step('at start', plainRows(await other`SELECT current_setting('application_name') AS a, current_setting('TimeZone') AS b, current_setting('statement_timeout') AS c`));
for (let round = 0; round < 2; round += 1) {
  const sleeping = sql`SELECT pg_sleep(60)`;
  const ended = sleeping.execute().catch((problem) => problem);
  await awaitSleeper(async (text) => (await other.unsafe(text))[0].n);
  sleeping.cancel();
  await attempt('cancelled', async () => { throw await ended; });
  // The server signals a cancelled backend twice, and this driver does not wait for the second: let it land here.
  await sql`SELECT pg_sleep(0.3)`.catch(() => {});
  step('usable', plainRows(await sql`SELECT 'after' AS v`));
}

const heard = [];
let all;
const complete = new Promise((resolve) => { all = resolve; });
const listening = await other.listen('news', (payload) => { if (heard.push(payload) === 5) all(); });
for (let n = 0; n < 5; n += 1) await sql.notify('news', `größe ${n}`);
await complete;
step('notified', heard);
await listening.unlisten();
notices.length = 0;
await sql`SELECT complain('notice'), complain('warning')`;
step('notices', notices);
const reserved = await sql.reserve();
step('reserved', plainRows(await reserved`SELECT 1 AS v`));
reserved.release();

step('many rows', digest(plainRows(await sql`SELECT n, md5(n::text) FROM generate_series(1, 100000) AS n`)));
const [{ v: huge }] = await sql`SELECT repeat('0123456789', 5000000) AS v`;
step('50 MB', huge.length, hash(huge));
const sent = 'ß'.repeat(5_000_000);
step('10 MB there and back', (await sql`SELECT md5(${sent}) AS m, ${sent}::text AS v`).map(({ m, v }) => [m, v === sent]));
const pool = postgres(DSN, { max: 6 });
step('pool', (await Promise.all(Array.from({ length: 100 }, (_, n) => pool`SELECT ${n}::int * 2 AS v`))).reduce((total, [row]) => total + row.v, 0));
await pool.end();
await other.end();
await sql.end();
done();
