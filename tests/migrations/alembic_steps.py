"""Alembic: ten revisions, all of them in one transaction, as it does by default."""

import os
import pathlib
import tempfile

from alembic import command
from alembic.config import Config

STEPS = [
    'op.create_table("customer", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(80), nullable=False))',
    'op.add_column("customer", sa.Column("email", sa.Text))',
    'op.create_index("customer_email", "customer", ["email"], unique=True)',
    'op.bulk_insert(sa.table("customer", sa.column("name"), sa.column("email")), [{"name": "Ann", "email": "a@x.y"}, {"name": "Bob", "email": "b@x.y"}])',
    'op.create_table("invoice", sa.Column("id", sa.Integer, primary_key=True), sa.Column("customer_id", sa.Integer, sa.ForeignKey("customer.id")))',
    'op.alter_column("customer", "name", type_=sa.Text, existing_type=sa.String(80))',
    'op.create_check_constraint("email_has_at", "customer", "email LIKE \'%@%\'")',
    'op.execute("UPDATE customer SET email = email || \'.z\' WHERE id = 1")',
    'op.alter_column("customer", "email", new_column_name="mail")',
    'op.execute("CREATE VIEW debtors AS SELECT c.id, c.name FROM customer c JOIN invoice i ON i.customer_id = c.id")',
]
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
engine = create_engine("postgresql+psycopg://" + os.environ["PGSLUICE_TEST_DSN"].split("://", 1)[1])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

with tempfile.TemporaryDirectory() as folder:
    versions = pathlib.Path(folder, "versions")
    versions.mkdir()
    pathlib.Path(folder, "env.py").write_text(ENV)
    for number, step in enumerate(STEPS, 1):
        before = repr(f"r{number - 1:02}") if number > 1 else None
        text = f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = 'r{number:02}'\ndown_revision = {before}\n\n\ndef upgrade():\n    {step}\n"
        (versions / f"r{number:02}.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", folder)
    command.upgrade(config, "head")
