"""What a person who watches a read is shown."""

from collections.abc import Callable

from housecount.cli.output import Progress, Task
from housecount.cli.sync import _Watched


def test_accounts_of_one_name_are_shown_as_one_that_ends() -> None:
    shown: list[Task] = []

    def start(task: Task) -> Callable[[Task], None]:
        shown.append(task)
        return lambda _: None

    watched = _Watched(Progress(start))
    for _ in range(2):
        watched.planned("Humanitix", 3)
    for _ in range(6):
        watched.stored("Humanitix", 10)
        watched.finished_slice("Humanitix")
    watched.finish()
    [task] = shown
    assert (task.done, task.total, task.finished) == (6, 6, True)
    assert task.note.startswith("60 ")
