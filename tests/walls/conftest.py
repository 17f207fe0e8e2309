"""A database of its own for trying every table as every role."""

import psycopg
import pytest
from psycopg import sql

from tests.walls.bare import lay_bare


@pytest.fixture(scope="session")
def bare_url(database_url: str, database_owner_url: str) -> str:
    """The application's address of a copy of the schema without constraints and triggers.

    Policies and grants are as migrated. Each tenant table holds one row of OURS and one of THEIRS. It goes
    with the server of this session.
    """
    name = psycopg.conninfo.conninfo_to_dict(database_owner_url)["dbname"]
    bare = f"{name}_bare"
    with psycopg.connect(database_owner_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE housecount_template").format(sql.Identifier(bare)))
    with psycopg.connect(psycopg.conninfo.make_conninfo(database_owner_url, dbname=bare)) as connection:
        lay_bare(connection)
    return psycopg.conninfo.make_conninfo(database_url, dbname=bare)
