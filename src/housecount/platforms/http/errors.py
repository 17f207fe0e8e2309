"""Kinds of the platform errors that only a client and a source tell apart."""

from housecount.platforms.base.errors import ContractChanged, Transient


class ServerFailed(Transient):
    """The platform answered with a failure of its own; `status` is what it answered."""

    def __init__(self, message: str, status: int, after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.after = after


class Unreached(Transient):
    """No connection came about: the platform certainly got nothing of the request."""


class ExpansionFailed(Transient):
    """The platform could not put related objects into its answer. The same request is not repeated: ask without."""


class PagingReset(ContractChanged):
    """The platform no longer knows the place in a list: start the list again."""
