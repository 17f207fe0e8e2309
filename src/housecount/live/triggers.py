"""How changes get into the feed: SQL for migrations.

A statement on a followed table tells what it changed (`follow`): one row in `app.live_pending`, whatever the number
of its rows. When the transaction commits, and not before, what it told is numbered: a deferred trigger merges it,
takes the organisation's counter, writes `live_change` and notifies. So numbers are given in the order of commits
without a gap, what is rolled back has none, and the counter is locked for the length of a commit only.

Numbering comes after everything else that is put off to the commit, such as the check of foreign keys: these wait
for other rows' locks, and somebody who holds one may be waiting for the counter. The first deferred trigger of a
transaction therefore only queues another, which the database carries out after all that were queued before.

`app.live_pending` holds what transactions under way have told. No row of it outlives its transaction, nobody but
these triggers may look at it, and it is not logged: it costs no write of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.migrations import RunSQL

from housecount.installation.roles import APP
from housecount.tenancy.walls import quoted

CHANNEL = "housecount_changes"
"""Where each transaction that changed something notifies; the payload is the organisation's id."""

#: Ids in one row of the feed, at most: whoever reads a page of it need not read a whole season.
_IDS_PER_ROW = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """What a changed row of a table tells: `kind` and the thing's `id`, an SQL expression over `changed` (the row,
    with an `organisation_id`) and what `join` adds. `removed` says whether the thing is not there any more.

    `old`: the row as it was before is told of too, for what moves from one thing to another. `unique`: no two rows of
    a statement tell of the same thing.
    """

    kind: str
    id: str
    join: str = ""
    removed: str = "false"
    old: bool = False
    unique: bool = False


def follow(table: str, *tellings: Telling, deleted: Sequence[Telling] = ()) -> RunSQL:
    """Have every statement that adds or changes rows of `table` tell what it changed; and one that deletes rows,
    as `deleted` has it. The rows' organisation must be in a column `organisation_id`."""
    name = quoted(table)
    made: list[tuple[str, str, str, Sequence[Telling]]] = [
        ("added", "INSERT", "NEW", tellings),
        ("changed", "UPDATE", "NEW", tellings),
        ("moved", "UPDATE", "OLD", [each for each in tellings if each.old]),
        ("deleted", "DELETE", "OLD", deleted),
    ]
    forwards, backwards = [], []
    for what, event, image, told in made:
        if not told:
            continue
        function = f"app.{quoted(f'tell_{table}_{what}')}"
        trigger = quoted(f"live_{what}")
        inserts = "\n".join(_insert(each) for each in told)
        forwards.append(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"  # noqa: S608
            " SET search_path = pg_catalog, public, pg_temp AS $$\n"
            "DECLARE\n    told boolean := false;\n    this bigint;\n"
            # An upsert fires for what it added and for what it changed, also where that is nothing.
            "BEGIN\n    IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;\n"
            "    this := nextval('app.live_statement');\n"
            f"{inserts}\n"
            "    IF told THEN PERFORM app.close_changes(); END IF;\n    RETURN NULL;\nEND $$;\n"
            f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;\n"
            f"CREATE TRIGGER {trigger} AFTER {event} ON {name} REFERENCING {image} TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}();"
        )
        backwards.append(f"DROP TRIGGER {trigger} ON {name}; DROP FUNCTION {function}();")
    return RunSQL("\n".join(forwards), "\n".join(backwards))


def _insert(telling: Telling) -> str:
    distinct = "" if telling.unique else "DISTINCT "
    return f"""
    INSERT INTO app.live_pending (statement, organisation_id, kind, ids, removed)
    SELECT this, organisation_id, '{telling.kind}', array_agg(id), removed
      FROM (
        SELECT organisation_id, id, removed, (row_number() OVER () - 1) / {_IDS_PER_ROW} AS part
          FROM (
            SELECT {distinct}changed.organisation_id, {telling.id}::text AS id, {telling.removed} AS removed
              FROM changed {telling.join} WHERE {telling.id} IS NOT NULL
          ) AS things
      ) AS numbered
     GROUP BY organisation_id, removed, part;
    told := told OR FOUND;"""  # noqa: S608 - from migrations


NUMBERING = f"""
CREATE UNLOGGED TABLE app.live_pending (
    statement bigint,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    organisation_id uuid,
    kind text NOT NULL,
    ids text[],
    removed boolean
);
-- Compressing what is dropped at once would be a waste.
ALTER TABLE app.live_pending ALTER COLUMN ids SET STORAGE EXTERNAL;
CREATE SEQUENCE app.live_statement CACHE 50;
CREATE INDEX live_pending_transaction ON app.live_pending (transaction);
REVOKE ALL ON app.live_pending FROM PUBLIC;

-- Sees to it that what is told in this transaction is numbered when it commits. The setting ends with the
-- transaction, and with a savepoint that it was made in, as does the row.
CREATE FUNCTION app.close_changes() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF coalesce(current_setting('app.changes_close', true), '') = '' THEN
        PERFORM set_config('app.changes_close', 'yes', true);
        INSERT INTO app.live_pending (kind) VALUES ('close');
    END IF;
END $$;
REVOKE ALL ON FUNCTION app.close_changes() FROM PUBLIC;

CREATE FUNCTION app.number_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    owner uuid;
BEGIN
    IF NEW.kind = 'close' THEN
        INSERT INTO app.live_pending (kind) VALUES ('number');
        RETURN NULL;
    END IF;
    -- In one order for everybody: transactions that change several organisations cannot wait for each other.
    FOR owner IN
        SELECT DISTINCT organisation_id FROM app.live_pending
         WHERE transaction = pg_current_xact_id() AND organisation_id IS NOT NULL ORDER BY 1
    LOOP
        WITH told AS (
            SELECT statement, kind, ids, removed, min(statement) OVER alike = max(statement) OVER alike AS once
              FROM app.live_pending WHERE transaction = pg_current_xact_id() AND organisation_id = owner
            WINDOW alike AS (PARTITION BY kind)
        ), things AS (
            -- Of a thing that several statements told of, what was told last.
            SELECT DISTINCT ON (kind, id COLLATE "C") kind, id, removed
              FROM told, unnest(ids) AS id WHERE NOT once
             ORDER BY kind, id COLLATE "C", statement DESC
        ), parts AS (
            SELECT kind, ids, removed FROM told WHERE once
            UNION ALL
            SELECT kind, array_agg(id), removed
              FROM (
                SELECT kind, id, removed,
                       (row_number() OVER (PARTITION BY kind, removed) - 1) / {_IDS_PER_ROW} AS part FROM things
              ) AS placed
             GROUP BY kind, removed, part
        ), counted AS MATERIALIZED (
            SELECT kind, ids, removed, sum(cardinality(ids)) OVER (ROWS UNBOUNDED PRECEDING) AS upto FROM parts
        ), counter AS (
            INSERT INTO live_counter AS counter (organisation_id, last, forgotten)
            SELECT owner, max(upto), 0 FROM counted
            ON CONFLICT (organisation_id) DO UPDATE SET last = counter.last + excluded.last
            RETURNING last
        )
        INSERT INTO live_change (organisation_id, sequence, kind, ids, removed, at)
        SELECT owner, last - max(upto) OVER () + upto, kind, ids, removed, clock_timestamp()
          FROM counted CROSS JOIN counter;
        PERFORM pg_notify('{CHANNEL}', owner::text);
    END LOOP;
    DELETE FROM app.live_pending WHERE transaction = pg_current_xact_id();
    PERFORM set_config('app.changes_close', '', true);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION app.number_changes() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER number AFTER INSERT ON app.live_pending DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.organisation_id IS NULL) EXECUTE FUNCTION app.number_changes();

-- Forgets what is older than `before`, of the organisation that is acted for; how many rows. Only the engine may.
CREATE FUNCTION app.forget_changes(before timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    owner uuid := app.organisation_id();
    many bigint;
    final bigint;
BEGIN
    IF owner IS NULL OR app.role() IS DISTINCT FROM 'system' THEN
        RAISE EXCEPTION 'only the engine forgets changes, of one organisation'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- The counter first: whoever adds changes takes it too, and nobody takes it after a row of the feed.
    PERFORM FROM live_counter WHERE organisation_id = owner FOR UPDATE;
    -- Up to the last that is old, by number: the clock may have been set back between two commits.
    SELECT max(sequence) INTO final FROM live_change WHERE organisation_id = owner AND at < before;
    IF final IS NULL THEN RETURN 0; END IF;
    DELETE FROM live_change WHERE organisation_id = owner AND sequence <= final;
    GET DIAGNOSTICS many = ROW_COUNT;
    UPDATE live_counter SET forgotten = final WHERE organisation_id = owner AND forgotten < final;
    RETURN many;
END $$;
REVOKE ALL ON FUNCTION app.forget_changes(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.forget_changes(timestamptz) TO {APP};
"""  # noqa: S608 - constants

UNDO_NUMBERING = """
DROP FUNCTION app.forget_changes(timestamptz);
DROP TABLE app.live_pending;
DROP SEQUENCE app.live_statement;
DROP FUNCTION app.number_changes();
DROP FUNCTION app.close_changes();
"""
