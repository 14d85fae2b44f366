// What the Node programs share: numbered steps in a form that is equal whenever what the server said is equal.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const DSN = process.env.PGSLUICE_TEST_DSN;
export const TYPES = JSON.parse(readFileSync(new URL('types.json', import.meta.url))).flatMap(([name, literals]) => literals.map((literal) => [name, literal]));
export const IS_ASLEEP = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
const LINE = 400;

export const hash = (data) => createHash('sha256').update(data).digest('hex').slice(0, 16);
export const plain = (value) =>
  JSON.stringify(value, function (key, one) {
    const raw = this[key];
    if (typeof raw === 'bigint') return `${raw}n`;
    if (raw instanceof Date) return Number.isNaN(raw.getTime()) ? 'Invalid Date' : raw.toISOString();
    if (Buffer.isBuffer(raw) || raw instanceof Uint8Array) return `bytes ${raw.length} ${hash(raw)}`;
    if (typeof raw === 'number' && !Number.isFinite(raw)) return String(raw);
    return one === undefined ? 'undefined' : one;
  });

let steps = 0;
export function step(name, ...values) {
  steps += 1;
  const text = values.map(plain).join(' | ');
  console.log(`${steps} ${name}: ${text.length > LINE ? `${text.slice(0, 60)}… ${text.length} characters ${hash(text)}` : text}`);
}
const FIELDS = ['severity', 'severity_local', 'code', 'detail', 'hint', 'position', 'internalPosition', 'where', 'schema', 'schema_name', 'table', 'table_name', 'column', 'column_name', 'dataType', 'constraint',
  'constraint_name', 'file', 'line', 'routine'];
export const diagnosis = (problem) => {
  const origin = problem.cause?.code ? problem.cause : problem;
  return { message: origin.message, ...Object.fromEntries(FIELDS.filter((name) => origin[name] !== undefined).map((name) => [name, String(origin[name])])) };
};
export async function attempt(name, action) {
  try {
    step(name, await action());
  } catch (problem) {
    step(name, diagnosis(problem));
  }
}
export const done = () => console.log(`done ${steps} steps`);
export const digest = (rows) => {
  const sum = createHash('sha256');
  for (const row of rows) sum.update(plain(row));
  return `${rows.length} rows ${sum.digest('hex').slice(0, 16)}`;
};
export async function awaitSleeper(one) {
  for (let tries = 0; tries < 3000; tries += 1) {
    if ((await one(IS_ASLEEP)) === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('no session fell asleep');
}
