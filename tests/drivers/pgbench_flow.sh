#!/usr/bin/env bash
# pgbench in its three modes: its own script and one with errors, several clients; what is compared is the work done, not its speed.
set -u
unset PGOPTIONS
steps=0
show() {
    steps=$((steps + 1))
    printf '%s %s\n' "$steps" "$*"
}
one() { psql -X -A -t -d "$PGSLUICE_TEST_DSN" -c "$1" 2>&1; }
facts() { grep -E '^(transaction type|query mode|number of transactions actually|number of failed|pgbench: error)' | tr '\n' ';'; }
scripts="$(mktemp -d)"
cat >"$scripts/own.sql" <<'S'
\set first random(1, 490)
BEGIN;
SELECT id, name FROM people WHERE id > :first ORDER BY id LIMIT 5;
UPDATE people SET balance = balance + 1 WHERE id = :first;
SELECT sum(balance) AS total FROM people \gset
INSERT INTO sink (id, amount) VALUES (:client_id, :total);
END;
S
cat >"$scripts/pipeline.sql" <<'S'
\startpipeline
SELECT 1;
SELECT name FROM people WHERE id = :client_id + 1;
INSERT INTO sink (id) VALUES (-1);
SELECT 3;
\endpipeline
S
pgbench -i -q -s 2 -d "$PGSLUICE_TEST_DSN" 2>&1 | grep -E '^(dropping|creating|vacuuming|generating)' | while read -r line; do printf '%s\n' "$line"; done
show "made $(one 'SELECT count(*), sum(abalance) FROM pgbench_accounts')"
for mode in simple extended prepared; do
    show "tpcb $mode $(pgbench -n -M $mode -c 4 -j 2 -t 100 "$PGSLUICE_TEST_DSN" 2>&1 | facts)"
    show "history $(one 'SELECT count(*) FROM pgbench_history') $(one 'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)')"
    show "select $mode $(pgbench -n -S -M $mode -c 8 -j 2 -t 500 "$PGSLUICE_TEST_DSN" 2>&1 | facts)"
    show "own $mode $(pgbench -n -M $mode -c 3 -t 60 -f "$scripts/own.sql" "$PGSLUICE_TEST_DSN" 2>&1 | sed "s#$scripts/##" | facts)"
    show "connects $mode $(pgbench -n -C -S -M $mode -c 2 -t 20 "$PGSLUICE_TEST_DSN" 2>&1 | facts)"
    [ "$mode" = simple ] || show "pipeline $mode $(pgbench -n -M $mode -c 4 -t 100 -f "$scripts/pipeline.sql" "$PGSLUICE_TEST_DSN" 2>&1 | sed "s#$scripts/##" | facts)"
done
show "sink $(one 'SELECT id, count(*) FROM sink GROUP BY id ORDER BY id')"
rm -rf "$scripts"
printf 'done %s steps\n' "$steps"
