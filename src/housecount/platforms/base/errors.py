"""What can go wrong between us and a platform, by who has to act."""

from housecount.core.errors import HousecountError, NextStep


class PlatformError(HousecountError):
    """A read that did not succeed. The last good figures stay, with their age."""

    code = "platform_error"
    http_status = 502


class ConfigError(PlatformError):
    """A bad or revoked key, a missing right, a wrong region: the account stops until a person reconnects it."""

    code = "account_needs_a_person"
    next_step = NextStep.ASK_A_PERSON


class NotAllowed(ConfigError):
    """The key works but does not open this one thing. Of an account's own organisation it is as bad as a wrong key;
    of an object that somebody else named it only says that the object is not ours."""


class Transient(PlatformError):
    """The platform or the network failed; the next read may succeed."""

    code = "platform_unavailable"
    http_status = 503
    next_step = NextStep.RETRY


class RateLimited(PlatformError):
    """The platform's budget is spent; `after` is the number of seconds to wait."""

    code = "rate_limited"
    http_status = 503
    next_step = NextStep.RETRY_AFTER

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message)
        self.after = after


class CircuitOpen(Transient):
    """Too many failures in a row: the account is left alone for `after` seconds."""

    code = "circuit_open"
    next_step = NextStep.RETRY_AFTER

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message)
        self.after = after


class ContractChanged(PlatformError):
    """An answer that breaks what we rely on: this read stops, the old figures stay, the makers should know."""

    code = "contract_changed"


class RecordRejected(PlatformError):
    """One record that cannot be read; it is set aside and the read goes on."""

    code = "record_rejected"


class Gone(PlatformError):
    """The platform says that one object we know does not exist any more."""

    code = "gone"
    http_status = 404
    next_step = NextStep.NEVER
