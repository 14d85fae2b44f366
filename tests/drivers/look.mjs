// node-postgres, postgres.js and Drizzle: what they ask when they connect and meet arrays and types of one's own.

import pg from "pg";
import postgres from "postgres";
import { drizzle } from "drizzle-orm/node-postgres";
import { sql as text } from "drizzle-orm";

const url = process.env.PGSLUICE_TEST_DSN;
const client = new pg.Client({ connectionString: url });
await client.connect();
console.log((await client.query("SELECT * FROM people WHERE id = $1", [1])).fields.map((field) => field.name));
console.log((await drizzle(client).execute(text`SELECT table_name FROM information_schema.tables WHERE table_schema = ${"public"}`)).rows);
await client.end();
const sql = postgres(url, { max: 1 });
console.log(await sql`SELECT * FROM people WHERE tags IS DISTINCT FROM ${["a"]}`);
console.log((await sql`SELECT * FROM people`.describe()).columns.map((column) => column.name));
await sql.end();
