"""Setting up Django in the right order."""

import os

from housecount.installation import database


def use_settings() -> None:
    """Name our settings to Django, unless somebody named others."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "housecount.settings")


def set_up_django() -> None:
    """Have a database that answers, then set up Django. Safe to call more than once.

    Raises an InstallationError with what to do.
    """
    use_settings()
    database.ready()

    import django

    django.setup()
