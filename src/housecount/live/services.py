"""Forgetting old changes."""

from datetime import datetime, timedelta

from django.db import connection

#: How long a change is kept.
KEPT = timedelta(days=30)


def forget(before: datetime) -> int:
    """Forgets the changes of the organisation that is acted for that are older than `before`; how many rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.forget_changes(%s)", [before])
        row = cursor.fetchone()
    return int(row[0])
