#!/usr/bin/env bash
# psql: scripts over the simple protocol, \copy, \gdesc, \bind where this psql has it, cursors by FETCH_COUNT, LISTEN, cancel by Ctrl-C, exit codes.
set -u -o pipefail
cd "$(dirname "$0")"
steps=0
run() { # name, psql's arguments; standard input is the script
    local name="$1" out code
    shift
    out="$(psql -X -q -d "$PGSLUICE_TEST_DSN" "$@" 2>&1 | sed -E "s/(server process with PID|from server process with PID) [0-9]+/\1 N/")"
    code="$?"
    steps=$((steps + 1))
    if [ "${#out}" -gt 20000 ]; then out="${#out} characters $(printf '%s' "$out" | sha256sum | cut -c1-16)"; fi
    printf '%s %s, exit code %s:\n%s\n' "$steps" "$name" "$code" "$out"
}
export PGTZ=UTC PGAPPNAME=psql_flow

for format in aligned csv unaligned html; do
    run "format $format" -P format=$format -c "SELECT * FROM people ORDER BY id LIMIT 5" -c "TABLE people"
done
literals="$(python3 - types.json <<'P'
import json, sys
for name, literals in json.load(open(sys.argv[1])):
    for literal in literals:
        quoted = literal.replace("'", "''")
        print(f"SELECT '{quoted}'::{name};")
        print(f"SELECT '{quoted}'::{name} AS v \\gdesc")
P
)"
run "types" -A -t -v VERBOSITY=verbose <<<"$literals"
run "described" <<'S'
\d people
\dT+ mood
\df complain
\dx
\l nowhere
\dn
\sf complain
S
run "transactions" -v VERBOSITY=verbose -a <<'S'
BEGIN;
INSERT INTO sink (id) VALUES (1) RETURNING id;
SELECT 1/0;
SELECT 1;
ROLLBACK;
\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO sink (id) VALUES (2);
SELECT 1/0;
SELECT * FROM nowhere;
SELECT count(*) FROM sink;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SHOW transaction_isolation;
DELETE FROM sink;
COMMIT AND CHAIN;
ROLLBACK;
SELECT 1 \; SELECT 2 \; SELECT 1/0 \; SELECT 3;
\set AUTOCOMMIT off
INSERT INTO sink (id) VALUES (3);
ROLLBACK;
SELECT id FROM sink;
COMMIT;
\set AUTOCOMMIT on
TRUNCATE sink;
\set SHOW_ALL_RESULTS off
SELECT 1 \; SELECT 2;
S
run "prepared" -a <<'S'
PREPARE one (int, text) AS SELECT $1 + 1, upper($2);
EXECUTE one (41, 'größe');
EXECUTE one ('x', 1);
DEALLOCATE one;
EXECUTE one (1, '');
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT id, name FROM people ORDER BY id;
FETCH 3 FROM walk;
MOVE 100 FROM walk;
FETCH BACKWARD 2 FROM walk;
FETCH LAST FROM walk;
CLOSE walk;
COMMIT;
SELECT 'SELECT ' || n || ' AS number' FROM generate_series(1, 5) AS n \gexec
SELECT 1 AS a, 'zwei' AS b \gset
\echo :a :b
SELECT n % 3 AS r, n % 2 AS c, count(*) FROM generate_series(1, 100) AS n GROUP BY 1, 2 ORDER BY 1, 2 \crosstabview
\errverbose
SELECT complain('all');
\errverbose
S
folder="$(mktemp -d)"
run "copy" -v folder="$folder" <<S
\copy people TO '$folder/text'
\copy (SELECT * FROM people ORDER BY id) TO '$folder/csv' WITH (FORMAT csv, HEADER)
\copy people TO '$folder/binary' WITH (FORMAT binary)
CREATE TEMP TABLE a (LIKE people);
CREATE TEMP TABLE b (LIKE people);
CREATE TEMP TABLE c (LIKE people);
\copy a FROM '$folder/text'
\copy b FROM '$folder/csv' WITH (FORMAT csv, HEADER)
\copy c FROM '$folder/binary' WITH (FORMAT binary)
SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM a) AS t;
SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM b) AS t;
SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM c) AS t;
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c);
COPY sink (id, word) FROM STDIN;
1	eins
2	größe
\.
COPY sink (id, word) FROM STDIN;
x	bad
\.
SELECT * FROM sink;
COPY (SELECT 10 / (5 - n) FROM generate_series(1, 10) AS n) TO STDOUT;
COPY people (id, name) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE *);
TRUNCATE sink;
S
(cd "$folder" && sha256sum text csv binary | cut -c1-16,65-)
rm -rf "$folder"
run "notices" <<'S'
SELECT complain('notice'), complain('warning');
SET client_min_messages = debug1;
CREATE TEMP TABLE x (a int PRIMARY KEY);
DROP TABLE IF EXISTS nowhere;
RESET client_min_messages;
LISTEN news;
NOTIFY news, 'größe';
SELECT 1;
S
run "settings" <<'S'
SHOW application_name;
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kolkata';
SET IntervalStyle = 'iso_8601';
SELECT date '2024-02-29', timestamptz '2024-02-29 00:00+00', interval '1 day 2 hours';
SET client_encoding = 'LATIN1';
SELECT 'gr' || chr(246) || chr(223) || 'e';
SELECT chr(9731);
RESET ALL;
SET statement_timeout = 100;
SELECT pg_sleep(60);
DISCARD ALL;
SHOW statement_timeout;
S
run "by cursor" -A -t -v FETCH_COUNT=1000 -c "SELECT n, md5(n::text) FROM generate_series(1, 120000) AS n"
run "large" -A -t -c "SELECT repeat('0123456789', 5000000)"
run "single transaction" -1 -c "INSERT INTO sink (id) VALUES (1)" -c "SELECT 1/0"
run "undone" -c "SELECT count(*) FROM sink"
run "stops" -v ON_ERROR_STOP=1 -c "SELECT 1/0" -c "SELECT 'not reached'"
run "large statement" -A -t <<<"SELECT length('$(head -c 3000000 /dev/zero | tr '\0' x)');"

# Ctrl-C: psql sends a CancelRequest, shows the error and leaves the script.
asleep="SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
result="$(mktemp)"
# A shell starts its background jobs deaf to SIGINT, and psql would inherit that.
python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' \
    psql -X -q -A -t -d "$PGSLUICE_TEST_DSN" -f - >"$result" 2>&1 <<<"SELECT pg_sleep(60);" &
sleeper=$!
for _ in $(seq 600); do
    [ "$(psql -X -A -t -d "$PGSLUICE_TEST_DSN" -c "$asleep")" = 1 ] && break
done
kill -INT "$sleeper"
wait "$sleeper"
steps=$((steps + 1))
printf '%s cancelled:\n' "$steps"
cat "$result"
rm -f "$result"
printf 'done %s steps\n' "$steps"
