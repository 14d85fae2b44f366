#!/usr/bin/env bash
# pg_dump, without large objects (it reads those by the function-call message, which is refused): the schema and the data in every format, and a restore of it that dumps the same again.
set -u
unset PGOPTIONS
steps=0
folder="$(mktemp -d)"
# Newer releases write a random key around the script; the versions of both sides are in comments.
tidy() { grep -v -E '^(\\(un)?restrict |-- )'; }
show() {
    steps=$((steps + 1))
    printf '%s %s\n' "$steps" "$*"
}
dump() { pg_dump --no-owner -d "$PGSLUICE_TEST_DSN" "$@" 2>&1 | tidy; }
psql -X -q -d "$PGSLUICE_TEST_DSN" -c "CREATE VIEW happy AS SELECT * FROM people WHERE feeling = 'happy'" \
    -c "CREATE MATERIALIZED VIEW counted AS SELECT feeling, count(*) FROM people GROUP BY 1" -c "CREATE INDEX ON people (born)" -c "COMMENT ON TABLE people IS 'größe'" >/dev/null
show "schema"
dump --schema-only
for options in "--data-only" "--inserts --rows-per-insert=50" "--column-inserts --table=people" "--data-only --exclude-table=people --blobs" "--serializable-deferrable --data-only"; do
    show "$options $(dump $options | sha256sum | cut -c1-16)"
done
for format in custom directory tar; do
    options="--format=$format --file=$folder/$format"
    [ "$format" = directory ] && options="$options --jobs=3"
    dump $options
    show "$format $(pg_restore --no-owner --file=- "$folder/$format" | tidy | sha256sum | cut -c1-16)"
done
dump >"$folder/before"
pg_restore --no-owner --clean --if-exists --single-transaction -d "$PGSLUICE_TEST_DSN" "$folder/custom" 2>&1 | head -n 20
dump >"$folder/after"
show "restored $(wc -l <"$folder/before") $(cmp "$folder/before" "$folder/after" && echo equal)"
rm -rf "$folder"
printf 'done %s steps\n' "$steps"
