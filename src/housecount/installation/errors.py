"""What can be wrong with the machine or its settings; each message says what to do."""

from housecount.core.errors import HousecountError, NextStep


class InstallationError(HousecountError):
    """Something about this machine or its settings needs a person."""

    code = "installation"


class BadSetting(InstallationError):
    """An environment variable that is missing or cannot be understood; its value is never repeated."""

    code = "bad_setting"


class DatabaseUnavailable(InstallationError):
    """The database does not answer, or the embedded server did not start."""

    code = "database_unavailable"
    http_status = 503
    next_step = NextStep.RETRY


class DiskFull(InstallationError):
    """There is no room left where the data lives."""

    code = "disk_full"
    http_status = 507


class HomeUnusable(InstallationError):
    """The directory named by HOUSECOUNT_HOME cannot be used."""

    code = "home_unusable"


class NoBinaries(InstallationError):
    """No PostgreSQL programs of the version that the data needs."""

    code = "no_postgresql"


class PortTaken(InstallationError):
    """Another program listens where we should."""

    code = "port_taken"


class RolesIncomplete(InstallationError):
    """The database roles are not as needed and we may not make them; the message holds the SQL to run."""

    code = "roles_incomplete"


class NotMigrated(InstallationError):
    """The database has not the tables that this version needs."""

    code = "not_migrated"
