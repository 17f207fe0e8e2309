"""Long lists, page by page: each page says where the next one begins, so that the last is as quick as the first."""

from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Part(NamedTuple, Generic[M]):
    """Rows of a list; `older` says where the next part begins, "" when this is the last."""

    rows: list[M]
    older: str


def part_of(found: QuerySet[M], moment: str, before: str, size: int) -> Part[M]:
    """The next `size` rows of `found`, which is ordered by `moment` (a time) and id, the latest first.

    `before` is what the part before called `older`; anything else begins at the top.
    """
    begin = _read(before)
    if begin is not None:
        at, pk = begin
        try:
            key = found.model._meta.pk.to_python(pk)
        except Exception:  # noqa: BLE001 - what an address holds may be anything
            key = None
        if key is not None:
            found = found.filter(Q(**{f"{moment}__lt": at}) | Q(**{moment: at, "pk__lt": key}))
    rows = list(found[: size + 1])
    if len(rows) <= size:
        return Part(rows, "")
    last = rows[size - 1]
    micros = (getattr(last, moment) - _EPOCH) // timedelta(microseconds=1)
    return Part(rows[:size], f"{micros}.{last.pk}")


def _read(before: str) -> tuple[datetime, str] | None:
    micros, _, pk = before.partition(".")
    if not (micros.isascii() and micros.isdigit() and len(micros) <= 16 and pk):
        return None
    return _EPOCH + timedelta(microseconds=int(micros)), pk
