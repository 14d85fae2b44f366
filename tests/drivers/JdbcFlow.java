// JDBC: typed getters, server-prepared statements after five uses, fetch sizes (portals in parts), batches, CopyManager, cancel, savepoints,
// generated keys, arrays, large objects, notifications.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.*;
import java.util.*;
import java.util.regex.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class JdbcFlow {
    static final int LINE = 400;
    static final String IS_ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    static int steps = 0;

    interface Action { Object run() throws Exception; }

    static String hash(byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data)).substring(0, 16);
    }

    static String plain(Object value) throws Exception {
        if (value == null) return "NULL";
        if (value instanceof byte[] bytes) return "bytes " + bytes.length + " " + hash(bytes);
        if (value instanceof int[] numbers) return Arrays.toString(numbers);
        if (value instanceof long[] numbers) return Arrays.toString(numbers);
        if (value instanceof java.sql.Array array) return plain(array.getArray());
        if (value instanceof SQLXML xml) return xml.getString();
        if (value instanceof Object[] many) {
            StringJoiner all = new StringJoiner(", ", "[", "]");
            for (Object one : many) all.add(plain(one));
            return all.toString();
        }
        if (value instanceof Collection<?> many) return plain(many.toArray());
        if (value instanceof ResultSet) return "result set";
        return value.toString();
    }

    static void step(String name, Object... values) throws Exception {
        steps++;
        StringJoiner all = new StringJoiner(" | ");
        for (Object value : values) all.add(plain(value));
        // What the driver prints of an array is its address.
        String text = all.toString().replace("\n", "\\n").replaceAll("\\[B@[0-9a-f]+", "bytes");
        if (text.length() > LINE) text = text.substring(0, 60) + "… " + text.length() + " characters " + hash(text.getBytes(StandardCharsets.UTF_8));
        System.out.println(steps + " " + name + ": " + text);
    }

    static String fields(SQLException problem) {
        StringBuilder text = new StringBuilder(problem.getClass().getSimpleName() + " " + problem.getSQLState() + " ");
        ServerErrorMessage from = problem instanceof PSQLException it ? it.getServerErrorMessage() : null;
        if (from == null) text.append(problem.getMessage());
        else text.append(from.getSeverity() + " " + from.getMessage() + " " + from.getDetail() + " " + from.getHint() + " " + from.getPosition() + " " + from.getWhere() + " " + from.getSchema() + " " + from.getTable()
            + " " + from.getColumn() + " " + from.getDatatype() + " " + from.getConstraint() + " " + from.getFile() + " " + from.getLine() + " " + from.getRoutine());
        if (problem.getNextException() != null) text.append(" then ").append(fields(problem.getNextException()));
        return text.toString();
    }

    static void attempt(String name, Action action) throws Exception {
        try {
            step(name, action.run());
        } catch (BatchUpdateException problem) {
            step(name, problem.getUpdateCounts(), fields(problem));
        } catch (SQLException problem) {
            step(name, fields(problem));
        } catch (RuntimeException problem) {
            step(name, problem.toString());
        }
    }

    static Object rows(ResultSet found) throws Exception {
        List<Object> rows = new ArrayList<>();
        int columns = found.getMetaData().getColumnCount();
        while (found.next()) {
            Object[] row = new Object[columns];
            for (int column = 0; column < columns; column++) row[column] = plain(found.getObject(column + 1));
            rows.add(row);
        }
        found.close();
        return rows;
    }

    static Object query(Connection connection, String text) throws Exception {
        try (Statement statement = connection.createStatement()) {
            return statement.execute(text) ? rows(statement.getResultSet()) : statement.getUpdateCount();
        }
    }

    static String digest(ResultSet found) throws Exception {
        MessageDigest sum = MessageDigest.getInstance("SHA-256");
        int count = 0;
        int columns = found.getMetaData().getColumnCount();
        while (found.next()) {
            for (int column = 1; column <= columns; column++) sum.update(plain(found.getObject(column)).getBytes(StandardCharsets.UTF_8));
            count++;
        }
        found.close();
        return count + " rows " + HexFormat.of().formatHex(sum.digest()).substring(0, 16);
    }

    static Connection open(String... options) throws Exception {
        URI place = new URI(System.getenv("PGSLUICE_TEST_DSN"));
        String[] login = place.getRawUserInfo().split(":", 2);
        Properties all = new Properties();
        all.setProperty("user", java.net.URLDecoder.decode(login[0], StandardCharsets.UTF_8));
        all.setProperty("password", java.net.URLDecoder.decode(login[1], StandardCharsets.UTF_8));
        for (int n = 0; n < options.length; n += 2) all.setProperty(options[n], options[n + 1]);
        return DriverManager.getConnection("jdbc:postgresql://" + place.getHost() + ":" + place.getPort() + place.getRawPath(), all);
    }

    static List<String[]> types(Connection connection) throws Exception {
        List<String[]> types = new ArrayList<>();
        try (PreparedStatement list = connection.prepareStatement("SELECT t.value ->> 0, l.value FROM jsonb_array_elements(?::text::jsonb) WITH ORDINALITY AS t (value, n), "
                + "jsonb_array_elements_text(t.value -> 1) WITH ORDINALITY AS l (value, n) ORDER BY t.n, l.n")) {
            list.setString(1, Files.readString(Path.of(System.getenv("PGSLUICE_TEST_TYPES"))));
            ResultSet found = list.executeQuery();
            while (found.next()) types.add(new String[] {found.getString(1), found.getString(2)});
        }
        return types;
    }

    static void values(Connection connection, String mode) throws Exception {
        for (String[] type : types(connection)) {
            attempt("type " + mode + " " + type[0], () -> {
                try (PreparedStatement statement = connection.prepareStatement("SELECT ?::text::" + type[0] + " AS v")) {
                    Object last = null;
                    // Enough for a server-side statement and binary results.
                    for (int round = 0; round < 7; round++) {
                        statement.setString(1, type[1]);
                        ResultSet found = statement.executeQuery();
                        ResultSetMetaData meta = found.getMetaData();
                        found.next();
                        last = new Object[] {meta.getColumnTypeName(1), meta.getColumnType(1), meta.getPrecision(1), found.getString(1), found.getObject(1)};
                    }
                    return last;
                }
            });
        }
        Object[] sent = {null, true, 7, 1L << 40, 1.5, new BigDecimal("12345678901234567890.123"), "größe 🐘", new byte[] {0, -1}, java.sql.Date.valueOf("2024-02-29"), Timestamp.valueOf("2024-02-29 12:34:56.789"),
            java.time.OffsetDateTime.parse("2024-02-29T12:00:00Z"), UUID.fromString("123e4567-e89b-12d3-a456-426614174000"), connection.createArrayOf("int4", new Integer[] {1, null, 3}), connection.createArrayOf("text", new String[] {"a\"", null})};
        for (Object value : sent) attempt("value " + mode, () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT ? AS v, pg_typeof(?)::text")) {
                statement.setObject(1, value);
                statement.setObject(2, value);
                return rows(statement.executeQuery());
            }
        });
    }

    static void statements(Connection connection) throws Exception {
        long total = 0;
        try (PreparedStatement statement = connection.prepareStatement("SELECT balance FROM people WHERE id = ?")) {
            for (int n = 1; n <= 200; n++) {
                statement.setInt(1, n);
                ResultSet found = statement.executeQuery();
                found.next();
                total += found.getBigDecimal(1).longValue();
            }
        }
        step("reused", total, query(connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%balance%'"));
        for (int n = 0; n < 300; n++) try (PreparedStatement statement = connection.prepareStatement("SELECT ?::int + " + n)) {
            ((org.postgresql.PGStatement) statement).setPrepareThreshold(1);
            statement.setInt(1, n);
            ResultSet found = statement.executeQuery();
            found.next();
            total += found.getInt(1);
        }
        step("evicted", total, query(connection, "SELECT count(*) < 300 FROM pg_prepared_statements"));
        for (String text : new String[] {"", "SELEC", "SELECT 1/0", "SELECT * FROM nowhere", "SELECT complain('all')", "INSERT INTO people (name, email) VALUES ('x', 'p1@example.org')", "SELECT 1; SELECT 1/0"})
            attempt("statement " + text, () -> query(connection, text));
        try (Statement several = connection.createStatement()) {
            boolean more = several.execute("SELECT 1; INSERT INTO sink (id) VALUES (1), (2); SELECT id FROM sink ORDER BY id; TRUNCATE sink");
            do step("several", more ? rows(several.getResultSet()) : (Object) several.getUpdateCount());
            while ((more = several.getMoreResults()) || several.getUpdateCount() != -1);
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO people (name, balance) VALUES (?, ?)", new String[] {"id"})) {
            insert.setString(1, "neu");
            insert.setBigDecimal(2, BigDecimal.ONE);
            step("generated", insert.executeUpdate(), insert.getGeneratedKeys().next());
        }
        query(connection, "DELETE FROM people WHERE name = 'neu'");
        try (PreparedStatement batch = connection.prepareStatement("INSERT INTO sink (id, word) VALUES (?, ?)")) {
            for (int n = 0; n < 1500; n++) { batch.setInt(1, n); batch.setString(2, "w" + n); batch.addBatch(); }
            step("batch", Arrays.stream(batch.executeBatch()).sum(), query(connection, "SELECT count(*), sum(id) FROM sink"));
            for (String id : new String[] {"1", "2", "x", "4"}) { batch.setObject(1, id, Types.OTHER); batch.setString(2, "b"); batch.addBatch(); }
            attempt("batch fails", batch::executeBatch);
        }
        query(connection, "TRUNCATE sink");
        try (CallableStatement call = connection.prepareCall("{? = call complain(?)}")) {
            call.registerOutParameter(1, Types.INTEGER);
            call.setString(2, "notice");
            call.execute();
            step("call", call.getInt(1));
            for (SQLWarning warning = call.getWarnings(); warning != null; warning = warning.getNextWarning()) step("warning", warning.getSQLState(), warning.getMessage());
        }
        DatabaseMetaData meta = connection.getMetaData();
        ResultSet columns = meta.getColumns(null, "public", "people", null);
        while (columns.next()) step("column", columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME"), columns.getInt("NULLABLE"));
        ResultSet keys = meta.getPrimaryKeys(null, "public", "people");
        while (keys.next()) step("key", keys.getString("COLUMN_NAME"));
        step("server", meta.getDatabaseProductVersion(), ((PGConnection) connection).getParameterStatus("TimeZone"));
    }

    static void transactions(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        for (int level : new int[] {Connection.TRANSACTION_READ_UNCOMMITTED, Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_SERIALIZABLE}) {
            connection.setTransactionIsolation(level);
            connection.setReadOnly(true);
            step("isolation", query(connection, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"));
            attempt("write", () -> query(connection, "DELETE FROM sink"));
            attempt("aborted", () -> query(connection, "SELECT 1"));
            connection.rollback();
            connection.setReadOnly(false);
        }
        query(connection, "INSERT INTO sink (id) VALUES (1)");
        Savepoint here = connection.setSavepoint("here");
        attempt("fails", () -> query(connection, "SELECT 1/0"));
        connection.rollback(here);
        step("recovered", query(connection, "SELECT id FROM sink"));
        connection.rollback();
        try (PreparedStatement walk = connection.prepareStatement("SELECT n, md5(n::text) FROM generate_series(1, ?) AS n")) {
            walk.setFetchSize(700);
            walk.setInt(1, 100000);
            step("fetched", digest(walk.executeQuery()));
            ResultSet half = walk.executeQuery();
            half.next();
            half.close();
            step("left early", query(connection, "SELECT 'after'"));
            walk.setMaxRows(10);
            step("ten", digest(walk.executeQuery()));
        }
        try (Statement fails = connection.createStatement()) {
            fails.setFetchSize(30);
            attempt("fails late", () -> digest(fails.executeQuery("SELECT 10 / (100 - n) FROM generate_series(1, 200) AS n")));
        }
        connection.rollback();
        // By its functions: the driver's own object sends the function-call message, which is refused.
        step("large object", query(connection, "DO $$ BEGIN PERFORM lo_from_bytea(777, decode(repeat('00ff', 250000), 'hex')); END $$"), query(connection, "SELECT length(lo_get(777)), lo_unlink(777)"));
        connection.rollback();
        connection.setAutoCommit(true);
    }

    static void copies(Connection connection) throws Exception {
        CopyManager copier = ((PGConnection) connection).getCopyAPI();
        for (String format : new String[] {"text", "csv", "binary"}) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            long count = copier.copyOut("COPY people TO STDOUT (FORMAT " + format + ")", out);
            query(connection, "CREATE TEMP TABLE twin (LIKE people)");
            long back = copier.copyIn("COPY twin FROM STDIN (FORMAT " + format + ")", new ByteArrayInputStream(out.toByteArray()), 999);
            step("copy " + format, count, back, out.toByteArray(), query(connection, "SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS t"));
            query(connection, "DROP TABLE twin");
        }
        attempt("bad row", () -> copier.copyIn("COPY sink (id) FROM STDIN", new StringReader("1\nx\n")));
        org.postgresql.copy.CopyIn given = copier.copyIn("COPY sink (id) FROM STDIN");
        given.writeToCopy("1\n".getBytes(), 0, 2);
        given.cancelCopy();
        step("given up", query(connection, "SELECT count(*) FROM sink"));
    }

    static void cancels(Connection connection) throws Exception {
        try (Connection other = open("ApplicationName", "a flow", "options", "-c TimeZone=Asia/Kolkata"); Statement sleeper = connection.createStatement()) {
            step("at start", query(other, "SELECT current_setting('application_name')"));
            List<SQLException> ended = Collections.synchronizedList(new ArrayList<>());
            Thread thread = new Thread(() -> { try { sleeper.execute("SELECT pg_sleep(60)"); } catch (SQLException problem) { ended.add(problem); } });
            thread.start();
            for (int n = 0; n < 3000 && !plain(query(other, IS_ASLEEP)).equals("[[1]]"); n++) Thread.sleep(10);
            sleeper.cancel();
            thread.join();
            step("cancelled", fields(ended.get(0)));
            step("usable", query(connection, "SELECT 'after'"));
            sleeper.setQueryTimeout(1);
            attempt("timeout", () -> sleeper.execute("SELECT pg_sleep(60)"));
            query(other, "LISTEN news");
            for (int n = 0; n < 4; n++) query(connection, "SELECT pg_notify('news', 'größe " + n + "')");
            List<Object> heard = new ArrayList<>();
            while (heard.size() < 4) {
                PGNotification[] news = ((PGConnection) other).getNotifications(20000);
                if (news == null || news.length == 0) break;
                for (PGNotification one : news) heard.add(one.getName() + " " + one.getParameter());
            }
            step("notified", heard);
        }
    }

    static void large(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            step("many rows", digest(statement.executeQuery("SELECT n, n * 1.5 FROM generate_series(1, 100000) AS n")));
            ResultSet huge = statement.executeQuery("SELECT repeat('0123456789', 5000000)");
            huge.next();
            step("50 MB", huge.getBytes(1));
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT md5(?), length(?)")) {
            byte[] sent = new byte[10_000_000];
            Arrays.fill(sent, (byte) 7);
            statement.setBytes(1, sent);
            statement.setBinaryStream(2, new ByteArrayInputStream(sent), sent.length);
            step("20 MB sent", rows(statement.executeQuery()));
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (String mode : new String[] {"extended", "simple", "extendedForPrepared", "extendedCacheEverything"}) try (Connection connection = open("preferQueryMode", mode)) {
            values(connection, mode);
        }
        try (Connection connection = open()) {
            statements(connection);
            transactions(connection);
            copies(connection);
            cancels(connection);
            large(connection);
        }
        System.out.println("done " + steps + " steps");
    }
}
