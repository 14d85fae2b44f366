"""SQLAlchemy over psycopg 3 and over psycopg2: the ORM, reflection, batched inserts, streaming, savepoints, two-phase commit, the pool."""

import datetime
import decimal
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from flow import DSN, GLOBAL_NAME, Flow, digest

flow = Flow()


def diagnosis(problem):
    origin = getattr(problem, "orig", problem)
    diag = getattr(origin, "diag", None)
    return f"{diag.sqlstate} {diag.message_primary} {diag.constraint_name}" if diag else str(problem)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    born: Mapped[datetime.date | None]
    extra: Mapped[dict] = mapped_column(pg.JSONB, default=dict)
    tags: Mapped[list] = mapped_column(pg.ARRAY(sa.Text), default=list)
    key: Mapped[uuid.UUID | None]
    mood: Mapped[str | None] = mapped_column(sa.Enum("sad", "ok", "happy", name="author_mood"))
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    price: Mapped[decimal.Decimal] = mapped_column(sa.Numeric(10, 2))
    scan: Mapped[bytes | None]
    span: Mapped[pg.Range[int] | None] = mapped_column(pg.INT4RANGE)
    written: Mapped[datetime.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id", ondelete="CASCADE"))
    author: Mapped[Author] = relationship(back_populates="books")


def with_driver(driver):
    url = sa.make_url(DSN.replace("postgres://", "postgresql://", 1)).set(drivername=f"postgresql+{driver}")
    engine = sa.create_engine(url, pool_size=3, pool_pre_ping=True)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    moment = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    with Session(engine) as session:
        for number in range(40):
            author = Author(name=f"Größe {number}", born=datetime.date(1900 + number, 1, 1), extra={"n": number, "list": [None, "x"]}, tags=["a", f"t{number}"], key=uuid.UUID(int=number),
                            mood=("sad", "ok", "happy", None)[number % 4])
            author.books = [Book(title=f"Book {number}.{b}", price=decimal.Decimal(b) / 4, scan=bytes([b]) * 50, span=pg.Range(b, b + 5), written=moment) for b in range(5)]
            session.add(author)
        session.commit()
        flow.step(f"{driver} inserted", session.scalar(sa.select(sa.func.count()).select_from(Book)), session.scalar(sa.select(sa.func.sum(Book.price))))
        loaded = session.scalars(sa.select(Author).options(selectinload(Author.books)).where(Author.born > datetime.date(1930, 1, 1)).order_by(Author.id)).all()
        flow.step("loaded", [(a.name, a.born, a.extra, a.tags, a.key, a.mood, [(b.title, b.price, bytes(b.scan), b.span, b.written) for b in sorted(a.books, key=lambda b: b.title)]) for a in loaded])
        loaded[0].extra = {"changed": True}
        loaded[1].books.pop()
        session.delete(loaded[2])
        session.commit()
        flow.step("changed", session.execute(sa.select(sa.func.count(Book.id), sa.func.count(sa.distinct(Book.author_id)))).all())
        flow.step("json", session.execute(sa.select(Author.name).where(Author.extra["n"].as_integer() > 37).order_by(Author.id)).all())
        flow.step("any", session.execute(sa.select(Author.name).where(Author.tags.any("t7"))).all(), session.scalar(sa.select(sa.func.count()).where(Book.span.contains(6))))
        window = sa.select(Book.author_id, sa.func.rank().over(partition_by=Book.author_id, order_by=Book.price.desc()).label("r")).subquery()
        flow.step("window", session.execute(sa.select(sa.func.count()).select_from(window).where(window.c.r == 1)).all())
        flow.step("upsert", session.execute(pg.insert(Author).values(id=1, name="other").on_conflict_do_update(index_elements=["id"], set_={"name": "upserted"}).returning(Author.id, Author.name)).all())
        flow.step("bulk", len(session.scalars(sa.insert(Book).returning(Book.id, sort_by_parameter_order=True), [{"title": f"bulk {n}", "price": n, "author_id": 2} for n in range(2500)]).all()))
        session.rollback()
        for name, statement in [("unique", sa.insert(Author).values(name="Größe 1", extra={}, tags=[])), ("foreign key", sa.insert(Book).values(title="x", price=1, author_id=99999)), ("syntax", sa.text("SELEC 1"))]:
            flow.attempt(name, lambda: session.execute(statement).rowcount, diagnosis)
            flow.attempt("aborted", lambda: session.execute(sa.text("SELECT 1")).all(), diagnosis)
            session.rollback()
        session.add(Author(name="outer"))
        session.flush()
        try:
            with session.begin_nested():
                session.add(Author(name="outer"))
                session.flush()
        except sa.exc.IntegrityError as problem:
            flow.step("savepoint", diagnosis(problem))
        flow.step("outer lives", session.scalar(sa.select(sa.func.count()).where(Author.name == "outer")))
        session.rollback()
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, yield_per=700).execute(sa.text("SELECT n, md5(n::text) FROM generate_series(1, 100000) AS n"))
        flow.step("streamed", digest(map(tuple, result)))
        connection.rollback()
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"):
            with engine.connect().execution_options(isolation_level=level) as other:
                flow.step(level, other.execute(sa.text("SHOW transaction_isolation")).all())
    with engine.connect() as connection:
        transaction = connection.begin_twophase(f"{GLOBAL_NAME} {driver}")
        connection.execute(sa.insert(Author).values(name="two-phase", extra={}, tags=[]))
        transaction.prepare()
        transaction.commit()
        flow.step("two-phase", connection.scalar(sa.select(sa.func.count()).where(Author.name == "two-phase")))
        connection.rollback()
    reflected = sa.MetaData()
    reflected.reflect(engine, only=["author", "book", "people"])
    for table in reflected.sorted_tables:
        flow.step(f"reflected {table.name}", [(c.name, str(c.type), c.nullable, c.primary_key) for c in table.columns], sorted(str(k.target_fullname) for k in table.foreign_keys),
                  sorted(i.name for i in table.indexes))
    inspector = sa.inspect(engine)
    flow.step("inspected", sorted(inspector.get_table_names()), inspector.get_check_constraints("people"), inspector.get_unique_constraints("author"), inspector.get_enums())
    connections = [engine.connect() for _ in range(8)]
    flow.step("pool", [c.scalar(sa.select(sa.literal(n))) for n, c in enumerate(connections)])
    for connection in connections:
        connection.close()
    Base.metadata.drop_all(engine)
    engine.dispose()


for driver in ("psycopg", "psycopg2"):
    with_driver(driver)
flow.done()
