"""Django: schema editor, the ORM's queries, PostgreSQL fields, atomic blocks, server-side cursors, introspection."""

import datetime
import decimal
import urllib.parse
import uuid

import django
from django.conf import settings

from flow import DSN, Flow, digest

ADDRESS = urllib.parse.urlsplit(DSN)
settings.configure(
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.postgres"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={name: {
        "ENGINE": "django.db.backends.postgresql", "HOST": ADDRESS.hostname, "PORT": ADDRESS.port, "NAME": urllib.parse.unquote(ADDRESS.path[1:]),
        "USER": urllib.parse.unquote(ADDRESS.username), "PASSWORD": urllib.parse.unquote(ADDRESS.password), "CONN_MAX_AGE": 60, "OPTIONS": options,
    } for name, options in (("default", {}), ("server_side", {"server_side_binding": True}))},
)
django.setup()

from django.contrib.auth.models import Group, User
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.contrib.postgres.fields import ArrayField, HStoreField, IntegerRangeField
from django.contrib.postgres.search import SearchVector
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.db.models import Avg, Count, F, Q, Sum, Window
from django.db.models.functions import ExtractYear, Lower, Rank, TruncMonth
from django.db.utils import Error

flow = Flow()


def diagnosis(problem):
    diag = getattr(problem.__cause__, "diag", None)
    return f"{diag.sqlstate} {diag.message_primary} {diag.constraint_name}" if diag else str(problem)


class Thing(models.Model):
    name = models.CharField(max_length=50, unique=True)
    price = models.DecimalField(max_digits=12, decimal_places=3)
    made = models.DateTimeField()
    day = models.DateField(null=True)
    took = models.DurationField(null=True)
    key = models.UUIDField(default=uuid.uuid4)
    data = models.JSONField(default=dict)
    raw = models.BinaryField(default=b"")
    address = models.GenericIPAddressField(null=True)
    tags = ArrayField(models.TextField(), default=list)
    span = IntegerRangeField(null=True)
    attributes = HStoreField(default=dict)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True)

    class Meta:
        app_label = "auth"
        constraints = [models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative")]
        indexes = [models.Index(fields=["day", "name"], name="by_day")]


def flows(alias):
    things = Thing.objects.using(alias)
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    things.bulk_create([
        Thing(name=f"Größe {n}", price=decimal.Decimal(n) / 8, made=moment + datetime.timedelta(days=n), day=datetime.date(2024, 1, 1) + datetime.timedelta(n), took=datetime.timedelta(seconds=n),
              key=uuid.UUID(int=n), data={"n": n, "ä": [None, n]}, raw=bytes([n % 256]) * 10, address=f"10.0.0.{n % 250}", tags=["t", f"t{n % 5}"], span=NumericRange(n, n + 10),
              attributes={"k": str(n), "leer": None}) for n in range(600)
    ], batch_size=150)
    flow.step(f"{alias} created", things.count(), things.aggregate(Sum("price"), Avg("price"), Count("day", distinct=True)))
    flow.step("rows", [(t.name, t.price, t.made, t.day, t.took, t.key, t.data, bytes(t.raw), t.address, t.tags, t.span, t.attributes) for t in things.order_by("id")[:3]])
    flow.step("lookups", things.filter(data__n__gt=590).count(), things.filter(tags__contains=["t3"]).count(), things.filter(span__contains=100).count(), things.filter(attributes__k="77").count(),
              things.filter(name__icontains="GRÖSSE").count(), things.filter(Q(day__year=2024) & ~Q(name__endswith="7")).count())
    flow.step("grouped", list(things.annotate(month=TruncMonth("day")).values("month").annotate(n=Count("id"), s=Sum("price")).order_by("month")[:4]))
    flow.step("window", list(things.annotate(r=Window(Rank(), partition_by=ExtractYear("day"), order_by=F("price").desc())).values_list("name", "r").order_by("r", "name")[:4]))
    flow.step("aggregates", things.filter(id__gt=0, name__endswith="77").aggregate(a=ArrayAgg("name", order_by=("name",)), s=StringAgg("name", delimiter="|", order_by=("name",))))
    flow.step("search", things.annotate(search=SearchVector("name")).filter(search="größe").count())
    flow.step("iterated", digest(things.order_by("id").values_list("name", "price").iterator(chunk_size=77)))
    flow.step("updated", things.filter(price__lt=10).update(price=F("price") + 1, name=Lower("name")), things.filter(name__startswith="größe").count())
    users = [User(username=f"user{n}") for n in range(5)]
    User.objects.using(alias).bulk_create(users)
    group = Group.objects.using(alias).create(name="group")
    group.user_set.add(*users[:3])
    flow.step("related", list(group.user_set.order_by("username").values_list("username", flat=True)), User.objects.using(alias).filter(groups__name="group").prefetch_related("groups").count())
    flow.step("get or create", things.get_or_create(name="new", defaults={"price": 1, "made": moment})[1], things.update_or_create(name="new", defaults={"price": 2, "made": moment})[1])
    flow.attempt("unique", lambda: things.create(name="new", price=1, made=moment), diagnosis)
    flow.attempt("check", lambda: things.create(name="negative", price=-1, made=moment), diagnosis)
    with transaction.atomic(using=alias):
        things.create(name="outer", price=1, made=moment)
        try:
            with transaction.atomic(using=alias):
                things.create(name="inner", price=1, made=moment)
                things.create(name="outer", price=1, made=moment)
        except Error as problem:
            flow.step("inner", diagnosis(problem))
        flow.step("locked", [t.name for t in things.select_for_update(skip_locked=True).filter(name__in=["outer", "inner"])])
    committed = []
    with transaction.atomic(using=alias):
        transaction.on_commit(lambda: committed.append(1), using=alias)
        things.filter(name="outer").delete()
    flow.step("after", committed, things.filter(name="outer").exists())
    flow.step("deleted", things.filter(price__gt=50).delete())
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT %s, %s::text[], %s::jsonb", ["größe", ["a", None], '{"a": 1}'])
        flow.step("raw", cursor.fetchall())
        introspection = connections[alias].introspection
        flow.step("introspection", sorted(introspection.table_names(cursor)), [tuple(column) for column in introspection.get_table_description(cursor, "auth_thing")],
                  sorted(introspection.get_constraints(cursor, "auth_thing")), introspection.get_relations(cursor, "auth_thing"), introspection.get_sequences(cursor, "auth_thing"))
    flow.step("explained", "Seq Scan" in things.filter(price=1).explain() or "Scan" in things.filter(price=1).explain())


call_command("migrate", verbosity=0)
with connections["default"].schema_editor() as editor:
    editor.create_model(Thing)
for alias in ("default", "server_side"):
    flows(alias)
    call_command("flush", verbosity=0, interactive=False, database=alias)
with connections["default"].schema_editor() as editor:
    note = models.TextField(default="a 'note' of 100 %")
    note.set_attributes_from_name("note")
    editor.add_field(Thing, note)
    editor.remove_index(Thing, Thing._meta.indexes[0])
    editor.delete_model(Thing)
connections.close_all()
flow.done()
