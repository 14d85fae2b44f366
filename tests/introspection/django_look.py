"""Django: `inspectdb`, everything its introspection offers, and the look at migrations that were applied."""

import os
import urllib.parse

import django
from django.conf import settings

ADDRESS = urllib.parse.urlsplit(os.environ["PGSLUICE_TEST_DSN"])
settings.configure(
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.postgres"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": ADDRESS.hostname, "PORT": ADDRESS.port, "NAME": urllib.parse.unquote(ADDRESS.path[1:]),
        "USER": urllib.parse.unquote(ADDRESS.username), "PASSWORD": urllib.parse.unquote(ADDRESS.password),
    }},
)
django.setup()

from django.core.management import call_command
from django.db import connection

call_command("inspectdb", include_partitions=True, include_views=True)
call_command("showmigrations")
call_command("check", databases=["default"])
with connection.cursor() as cursor:
    look = connection.introspection
    for table in look.get_table_list(cursor):
        print(table)
        print(look.get_table_description(cursor, table.name), look.get_sequences(cursor, table.name))
        print(look.get_relations(cursor, table.name), sorted(look.get_constraints(cursor, table.name)))
    print(look.table_names(cursor, include_views=True))
    print(connection.pg_version, connection.features.is_postgresql_16)
