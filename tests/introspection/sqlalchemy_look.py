"""SQLAlchemy: everything its inspector asks, over each PostgreSQL driver, and a reflection of whole schemas."""

import os

from sqlalchemy import MetaData, create_engine, inspect

DSN = os.environ["PGSLUICE_TEST_DSN"].split("://", 1)[1]

for driver in ("psycopg", "psycopg2", "pg8000"):
    engine = create_engine(f"postgresql+{driver}://{DSN}")
    look = inspect(engine)
    print(look.get_schema_names(), look.default_schema_name, look.get_sequence_names(), look.get_sequence_names("shop"))
    for schema in (None, "shop"):
        print(look.get_table_names(schema), look.get_view_names(schema), look.get_materialized_view_names(schema), look.get_temp_table_names())
        print(look.get_enums(schema or "public"), look.get_domains(schema or "public"), look.get_foreign_table_names(schema))
        for name in [*look.get_table_names(schema), *look.get_view_names(schema), *look.get_materialized_view_names(schema)]:
            print(name, look.has_table(name, schema), look.get_columns(name, schema), look.get_pk_constraint(name, schema))
            print(look.get_foreign_keys(name, schema), look.get_indexes(name, schema), look.get_unique_constraints(name, schema))
            print(look.get_check_constraints(name, schema), look.get_table_comment(name, schema), look.get_table_options(name, schema))
            print(look.get_table_oid(name, schema))
        for name in look.get_view_names(schema):
            print(look.get_view_definition(name, schema))
        print(look.get_multi_columns(schema), look.get_multi_foreign_keys(schema), look.get_multi_indexes(schema))
        print(look.has_sequence("orders_id_seq"), look.has_schema("shop"), look.has_index("orders", "orders_placed"))
        whole = MetaData(schema=schema)
        whole.reflect(engine, views=True)
        print(sorted(whole.tables))
    engine.dispose()
