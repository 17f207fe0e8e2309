"""The edge's one statement as a function, whose plan each server process keeps.

Planning it takes longer than carrying it out. A prepared statement would do the same, but not behind a proxy that
pools transactions. It runs with the rights of whoever calls it: the walls hold as they do for a statement.
"""

from django.db import migrations

from housecount.installation.roles import APP

_ARGUMENTS = "bytea[], boolean[], text[], text[], bytea[], text[], text[], text[], text[]"

TAKE_HOOKS = f"""
-- Stores hooks that came to accounts' own addresses. Answers the places, from 1, of those whose address is right;
-- the hash of its secret is compared with what stands in the table at this moment. Only the genuine are stored.
CREATE FUNCTION app.take_hooks({_ARGUMENTS}) RETURNS bigint[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE places bigint[];
BEGIN
    WITH found AS MATERIALIZED (
        SELECT hook.*, door.organisation_id, door.account_id
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS hook
            (token_hash, genuine, platform, headers, body, webhook_id, action, verdict, touches, place)
        JOIN public.sync_hook_door door ON door.token_hash = hook.token_hash AND door.platform = hook.platform
    ), added AS (
        INSERT INTO public.webhook_log
            (organisation_id, account_id, platform, headers, body, webhook_id, action, verdict, touches,
             status, attempts, next_try_at, outcome, explanation)
        SELECT organisation_id, account_id, platform, headers::jsonb, body, webhook_id, action, verdict,
            touches::jsonb, 'waiting', 0, statement_timestamp(), '', ''
        FROM found WHERE genuine
    )
    SELECT array_agg(place) INTO places FROM found;
    RETURN places;
END $$;
REVOKE ALL ON FUNCTION app.take_hooks({_ARGUMENTS}) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.take_hooks({_ARGUMENTS}) TO {APP};
"""  # noqa: S608 - constants


class Migration(migrations.Migration):
    dependencies = [("intake", "0002_walls")]

    operations = [migrations.RunSQL(TAKE_HOOKS, f"DROP FUNCTION app.take_hooks({_ARGUMENTS})")]
