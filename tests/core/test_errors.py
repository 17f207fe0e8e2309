"""The base of all errors: a message, a stable code, and what to do next."""

import pickle

from housecount.core.errors import HousecountError, NextStep


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = HousecountError(
        "Eventbrite did not answer. Nothing is wrong on your side; we try again in a minute."
    )
    assert str(error) == error.message
    assert (error.code, error.http_status, error.next_step) == ("error", 500, NextStep.ASK_A_PERSON)


def test_the_steps_are_the_four_that_callers_know() -> None:
    assert {step.value for step in NextStep} == {"retry", "retry_after", "ask_a_person", "never"}


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(HousecountError("The key was refused.")))
    assert error.message == "The key was refused."
