"""Django: ten migrations, each in a transaction of its own but for the last, which must run outside of one."""

import os
import pathlib
import sys
import tempfile
import urllib.parse

import django
from django.conf import settings

STEPS = [
    'migrations.CreateModel("Customer", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=80))])',
    'migrations.AddField("Customer", "email", models.TextField(null=True))',
    'migrations.RunSQL("INSERT INTO shop_customer (name, email) VALUES (\'Ann\', \'a@x.y\'), (\'Bob\', \'b@x.y\')")',
    'migrations.AddConstraint("Customer", models.UniqueConstraint(fields=["email"], name="one_email"))',
    'migrations.CreateModel("Invoice", [("id", models.BigAutoField(primary_key=True)), ("customer", models.ForeignKey("shop.Customer", models.CASCADE))])',
    'migrations.AlterField("Customer", "name", models.TextField())',
    'migrations.RunPython(lambda apps, editor: apps.get_model("shop", "Customer").objects.filter(name="Ann").update(email="ann@x.y"))',
    'migrations.RenameField("Customer", "email", "mail")',
    'migrations.RemoveField("Invoice", "customer"), migrations.AddField("Invoice", "total", models.IntegerField(default=0))',
    'AddIndexConcurrently("Customer", models.Index(fields=["name"], name="by_name"))',
]

address = urllib.parse.urlsplit(os.environ["PGSLUICE_TEST_DSN"])
with tempfile.TemporaryDirectory() as folder:
    package = pathlib.Path(folder, "shop")
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations/__init__.py").touch()
    for number, step in enumerate(STEPS, 1):
        before = f'("shop", "{number - 1:04}_step")' if number > 1 else ""
        (package / f"migrations/{number:04}_step.py").write_text(
            "from django.contrib.postgres.operations import AddIndexConcurrently\nfrom django.db import migrations, models\n\n\n"
            f"class Migration(migrations.Migration):\n    atomic = {number < len(STEPS)}\n    dependencies = [{before}]\n    operations = [{step}]\n"
        )
    sys.path.insert(0, folder)
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=["shop"],
        DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "HOST": address.hostname, "PORT": address.port, "NAME": urllib.parse.unquote(address.path[1:]),
            "USER": urllib.parse.unquote(address.username), "PASSWORD": urllib.parse.unquote(address.password),
        }},
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
