// JDBC: every question of DatabaseMetaData, and what a result and a statement tell of themselves.

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.Properties;

public class JdbcLook {
    static void all(String name, ResultSet found) throws Exception {
        int columns = found.getMetaData().getColumnCount(), rows = 0;
        StringBuilder text = new StringBuilder();
        while (found.next()) {
            rows++;
            for (int column = 1; column <= columns && rows <= 20; column++) text.append(found.getString(column)).append('|');
        }
        found.close();
        System.out.println(name + ": " + rows + " " + text);
    }

    public static void main(String[] arguments) throws Exception {
        URI place = new URI(System.getenv("PGSLUICE_TEST_DSN"));
        String[] login = place.getRawUserInfo().split(":", 2);
        Properties given = new Properties();
        given.setProperty("user", URLDecoder.decode(login[0], StandardCharsets.UTF_8));
        given.setProperty("password", URLDecoder.decode(login[1], StandardCharsets.UTF_8));
        try (Connection connection = DriverManager.getConnection("jdbc:postgresql://" + place.getHost() + ":" + place.getPort() + place.getRawPath(), given)) {
            DatabaseMetaData look = connection.getMetaData();
            System.out.println(look.getDatabaseProductVersion() + " " + look.getMaxConnections() + " " + look.getSQLKeywords().length() + " " + look.getMaxColumnNameLength());
            System.out.println(look.getStringFunctions() + look.getNumericFunctions() + look.supportsTransactionIsolationLevel(8) + look.getDefaultTransactionIsolation());
            all("catalogs", look.getCatalogs());
            all("schemas", look.getSchemas());
            all("schemas", look.getSchemas(null, "sh%"));
            all("kinds", look.getTableTypes());
            all("types", look.getTypeInfo());
            all("properties", look.getClientInfoProperties());
            for (String schema : new String[] {null, "public", "shop"}) {
                all("tables", look.getTables(null, schema, "%", null));
                all("tables", look.getTables(null, schema, "%", new String[] {"TABLE", "VIEW", "MATERIALIZED VIEW", "PARTITIONED TABLE", "TYPE"}));
                all("columns", look.getColumns(null, schema, "%", "%"));
                all("procedures", look.getProcedures(null, schema, "%"));
                all("procedure columns", look.getProcedureColumns(null, schema, "c%", "%"));
                all("functions", look.getFunctions(null, schema, "%"));
                all("function columns", look.getFunctionColumns(null, schema, "l%", "%"));
                all("udts", look.getUDTs(null, schema, "%", null));
                all("privileges", look.getTablePrivileges(null, schema, "%"));
                for (String table : new String[] {"people", "orders", "lines"}) {
                    all("key", look.getPrimaryKeys(null, schema, table));
                    all("indexes", look.getIndexInfo(null, schema, table, false, true));
                    all("unique", look.getIndexInfo(null, schema, table, true, false));
                    all("imported", look.getImportedKeys(null, schema, table));
                    all("exported", look.getExportedKeys(null, schema, table));
                    all("crossed", look.getCrossReference(null, schema, "people", null, schema, table));
                    all("best", look.getBestRowIdentifier(null, schema, table, DatabaseMetaData.bestRowSession, true));
                    all("versions", look.getVersionColumns(null, schema, table));
                    all("column privileges", look.getColumnPrivileges(null, schema, table, "%"));
                }
            }
            try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM people WHERE id = ?")) {
                ResultSetMetaData row = statement.getMetaData();
                for (int column = 1; column <= row.getColumnCount(); column++)
                    System.out.println(row.getColumnName(column) + row.getTableName(column) + row.getSchemaName(column) + row.getColumnTypeName(column)
                        + row.isNullable(column) + row.isAutoIncrement(column) + row.getColumnClassName(column));
                System.out.println(statement.getParameterMetaData().getParameterTypeName(1));
            }
            System.out.println(connection.getCatalog() + connection.getSchema() + connection.isValid(5) + connection.getTransactionIsolation());
            System.out.println(connection.createArrayOf("int4", new Integer[] {1}).getBaseTypeName());
            try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
                ResultSet found = statement.executeQuery("SELECT id, name, feeling, tags FROM people");
                found.next();
                System.out.println(found.getObject(3) + " " + found.getObject(4) + found.getConcurrency());
            }
        }
    }
}
