// Drizzle over node-postgres and over postgres.js: typed tables, relations, prepared queries, nested transactions.
import { and, asc, count, desc, eq, gt, inArray, relations, sql, sum } from 'drizzle-orm';
import { drizzle as overPg } from 'drizzle-orm/node-postgres';
import { drizzle as overPostgresJs } from 'drizzle-orm/postgres-js';
import { bigint, boolean, date, doublePrecision, index, integer, jsonb, numeric, pgEnum, pgTable, serial, text, timestamp, uuid, varchar } from 'drizzle-orm/pg-core';
import pg from 'pg';
import postgres from 'postgres';
import { DSN, attempt, digest, done, step } from './flow.mjs';

const moods = pgEnum('mood', ['sad', 'ok', 'happy', 'très content']);
const authors = pgTable('d_author', {
  id: serial('id').primaryKey(), name: varchar('name', { length: 60 }).notNull().unique(), mood: moods('mood'), born: date('born'), data: jsonb('data'), tags: text('tags').array(), key: uuid('key'), active: boolean('active').default(true),
});
const books = pgTable('d_book', {
  id: serial('id').primaryKey(), title: text('title').notNull(), price: numeric('price', { precision: 10, scale: 2 }), weight: doublePrecision('weight'), big: bigint('big', { mode: 'bigint' }),
  written: timestamp('written', { withTimezone: true }), authorId: integer('author_id').references(() => authors.id),
}, (table) => [index('d_by_title').on(table.title)]);
const authorRelations = relations(authors, ({ many }) => ({ books: many(books) }));
const bookRelations = relations(books, ({ one }) => ({ author: one(authors, { fields: [books.authorId], references: [authors.id] }) }));
const schema = { authors, books, authorRelations, bookRelations };

async function flows(name, db) {
  await db.execute(sql`DROP TABLE IF EXISTS d_book, d_author`);
  await db.execute(sql`CREATE TABLE d_author (id serial PRIMARY KEY, name varchar(60) NOT NULL UNIQUE, mood mood, born date, data jsonb, tags text[], key uuid, active bool DEFAULT true)`);
  await db.execute(sql`CREATE TABLE d_book (id serial PRIMARY KEY, title text NOT NULL, price numeric(10, 2), weight float8, big int8, written timestamptz, author_id int REFERENCES d_author)`);
  const made = await db.insert(authors).values(Array.from({ length: 30 }, (_, n) => ({
    name: `Größe ${n}`, mood: ['sad', 'ok', 'happy', null][n % 4], born: `19${10 + n}-01-01`, data: { n, list: [null, 'x'] }, tags: ['a', `t${n}`], key: '123e4567-e89b-12d3-a456-426614174000',
  }))).returning();
  step(`${name} made`, made);
  await db.insert(books).values(made.flatMap(({ id }) => Array.from({ length: 20 }, (_, b) => ({ title: `Book ${id}.${b}`, price: `${b}.25`, weight: b / 3, big: 2n ** 60n + BigInt(b), written: new Date(86400000 * b), authorId: id }))));
  step('counted', await db.select({ n: count(), total: sum(books.price) }).from(books));
  step('joined', await db.select().from(books).innerJoin(authors, eq(books.authorId, authors.id)).where(and(gt(books.price, '15'), inArray(authors.id, [3, 5]))).orderBy(asc(books.id)));
  step('grouped', await db.select({ mood: authors.mood, n: count(books.id) }).from(authors).leftJoin(books, eq(books.authorId, authors.id)).groupBy(authors.mood).orderBy(desc(authors.mood)));
  step('related', await db.query.authors.findMany({ where: eq(authors.id, 4), with: { books: { limit: 3, orderBy: asc(books.id) } } }));
  const prepared = db.select().from(authors).where(eq(authors.id, sql.placeholder('id'))).prepare('by_id');
  for (let id = 1; id <= 20; id += 1) await prepared.execute({ id });
  step('prepared', await prepared.execute({ id: 7 }));
  step('upsert', await db.insert(authors).values({ id: 1, name: 'other' }).onConflictDoUpdate({ target: authors.id, set: { name: 'upserted' } }).returning({ name: authors.name }));
  await attempt('unique', () => db.insert(authors).values({ name: 'Größe 2' }));
  await attempt('foreign key', () => db.insert(books).values({ title: 'x', authorId: 9999 }));
  await attempt('transaction', () => db.transaction(async (tx) => {
    await tx.update(authors).set({ mood: 'très content' }).where(eq(authors.id, 2));
    await tx.transaction(async (inner) => { await inner.delete(books); inner.rollback(); }).catch((problem) => step('inner', problem.message));
    return tx.select({ mood: authors.mood, n: sql`(SELECT count(*) FROM d_book)::int` }).from(authors).where(eq(authors.id, 2));
  }, { isolationLevel: 'repeatable read', accessMode: 'read write' }));
  await attempt('undone', () => db.transaction(async (tx) => { await tx.delete(books); await tx.execute(sql`SELECT 1/0`); }));
  step('kept', await db.select({ n: count() }).from(books));
  const many = await db.execute(sql`SELECT n, md5(n::text) AS m FROM generate_series(1, ${100000}::int) AS n`);
  step('many rows', digest((many.rows ?? [...many]).map((row) => ({ ...row }))));
}

const pool = new pg.Pool({ connectionString: DSN, max: 3 });
await flows('node-postgres', overPg(pool, { schema }));
await pool.end();
const client = postgres(DSN, { max: 3, onnotice: () => {} });
await flows('postgres.js', overPostgresJs(client, { schema }));
await client.end();
done();
