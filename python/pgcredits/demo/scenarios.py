"""The demo's scenarios: what happens to a generation, and what it should cost in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    #: By the status in which a generation may end: the net price that it has there.
    Endings: TypeAlias = Mapping[str, Callable[[int], int]]

PROVIDER = "simulated"
#: The refund policy that the operator changes before the scenarios begin.
STRICT_ERROR, STRICT_PERCENT = "content_policy_violation", 50

#: How long the application waits for a provider that will be silent.
SHORT_TIMEOUT_SECONDS = 1.0


class When(Enum):
    """When a provider calls back, counted from the answer to its callback before."""

    SOON = auto()
    UNATTACHED = auto()  # before it has even answered the request
    DEADLINE = auto()  # just when the application gives up
    LATE = auto()  # once it has given up


class Crash(Enum):
    """Where the application crashes, once, amid the work for a generation."""

    STARTING = auto()  # charged, not committed
    STARTED = auto()  # committed; the provider knows nothing yet
    SUBMITTED = auto()  # the provider is at work; the task's id is lost
    CALLING_BACK = auto()  # a callback was handled, not committed
    CALLED_BACK = auto()  # committed; the provider was not answered


class Answer(Enum):
    """How the provider answers the request for a task."""

    TASK = auto()  # its id; callbacks follow
    RESULT = auto()  # the result itself
    NO_CONNECTION = auto()
    REFUSAL = auto()
    NONSENSE = auto()


class Cancel(Enum):
    """When the user cancels."""

    UNSUBMITTED = auto()
    BUT_SUBMITTED = auto()  # too late to keep the request from going out
    SUBMITTED = auto()


@dataclass(frozen=True)
class Says:
    """The body of a callback."""

    code: str | None
    message: str | None = None
    cost_usd: Decimal | None = Decimal("0.04")
    payload: Any = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """Callbacks that a provider makes at the same time."""

    says: tuple[Says, ...]
    when: When = When.SOON


def at(when: When, *codes: str) -> Moment:
    """Callbacks with these codes."""
    return Moment(tuple(Says(code) for code in codes), when)


def soon(*codes: str) -> Moment:
    """Callbacks with these codes, soon."""
    return at(When.SOON, *codes)


# --- net prices -----------------------------------------------------------------------------------


def whole(price: int) -> int:
    """The price as charged."""
    return price


def nothing(_: int) -> int:
    """All credits came back."""
    return 0


def half(price: int) -> int:
    """Half the price, by a final price or a policy of 50 %; rounded in the user's favour."""
    return price // 2


SUCCEEDED: Endings = {"succeeded": whole}
FAILED: Endings = {"failed": nothing}
TIMED_OUT: Endings = {"timed_out": nothing}


# --- the scenarios --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """One way in which a generation may go.

    Attributes:
        owes: Every status in which it may end, with the net price that is right there.
        plan: What the provider calls back with, moment after moment.
        is_short: Whether the application soon gives up on it.
        restarts: Whether the application, once crashed, takes the generation up again.
        final: The final price of a success, if it is not the price charged.
        is_stored: Whether the application can store the result.
        refund_fails: Whether paying the refund raises an error until the owner repairs it.
    """

    title: str
    owes: Endings
    plan: tuple[Moment, ...] = ()
    provider: str = PROVIDER
    is_short: bool = False
    answer: Answer = Answer.TASK
    crash: Crash | None = None
    restarts: bool = True
    cancel: Cancel | None = None
    final: Callable[[int], int] | None = None
    is_stored: bool = True
    refund_fails: bool = False


#: What a proxy in between, or a provider on a bad day, may deliver.
NONSENSE = (
    Says("   ", message="<html>502 Bad Gateway</html>", payload="<html>"),
    Says(None, message="x" * 5_000, cost_usd=Decimal("-1"), payload=[None, {"a": [[]]}]),
    Says("2OO", message="\N{SNOWMAN}", cost_usd=Decimal("NaN"), payload="\\u0000" * 20_000),
)

SUCCESSES = (
    Scenario("success", SUCCEEDED, (soon("202"), soon("200"))),
    Scenario("success at once, no callback", SUCCEEDED, answer=Answer.RESULT),
    Scenario("success, reported twice", SUCCEEDED, (soon("200"), soon("200"))),
    Scenario("success, twice at once", SUCCEEDED, (soon("200", "200"),)),
    Scenario("success before it is attached", SUCCEEDED, (at(When.UNATTACHED, "200"),)),
    Scenario("success, then progress", SUCCEEDED, (soon("200"), soon("202"))),
    Scenario("success, then a failure", SUCCEEDED, (soon("200"), soon("501"))),
    Scenario("success at half the price", {"succeeded": half}, (soon("200"),), final=half),
    Scenario("success above the price", SUCCEEDED, (soon("200"),), final=lambda price: 2 * price),
)
FAILURES = (
    Scenario("failure, reported twice", FAILED, (soon("501"), soon("501"))),
    Scenario("failure, twice at once", FAILED, (soon("500", "503"),)),
    Scenario("failure before it is attached", FAILED, (at(When.UNATTACHED, "501"),)),
    Scenario("failure, then a success", FAILED, (soon("501"), soon("200"))),
    Scenario("success and failure at once", {**SUCCEEDED, **FAILED}, (soon("200", "501"),)),
    Scenario("failure, whose refund fails", FAILED, (soon("501"),), refund_fails=True),
    Scenario("result cannot be stored", FAILED, (soon("200"),), is_stored=False),
    Scenario("provider not reached", FAILED, answer=Answer.NO_CONNECTION),
    Scenario("provider creates no task", FAILED, answer=Answer.REFUSAL),
    Scenario("provider answers nonsense", FAILED, answer=Answer.NONSENSE),
)
SILENCES = (
    Scenario("never a callback", TIMED_OUT, is_short=True),
    Scenario("callback with an unknown code", TIMED_OUT, (soon("418"),), is_short=True),
    Scenario("nonsense, then a success", SUCCEEDED, (Moment(NONSENSE), soon("200"))),
    Scenario("success after the deadline", TIMED_OUT, (at(When.LATE, "200"),), is_short=True),
    Scenario("failure after the deadline", TIMED_OUT, (at(When.LATE, "500"),), is_short=True),
    Scenario(
        "success right at the deadline",
        {**SUCCEEDED, **TIMED_OUT},
        (at(When.DEADLINE, "200"),),
        is_short=True,
    ),
)
CRASHES = (
    Scenario("crash while it starts", SUCCEEDED, (soon("200"),), crash=Crash.STARTING),
    Scenario("crash before the request", SUCCEEDED, (soon("200"),), crash=Crash.STARTED),
    Scenario(
        "crash for good, unsubmitted",
        TIMED_OUT,
        is_short=True,
        crash=Crash.STARTED,
        restarts=False,
    ),
    Scenario(
        "crash before the attachment",
        SUCCEEDED,
        (at(When.UNATTACHED, "200"),),
        crash=Crash.SUBMITTED,
    ),
    Scenario(
        "crash for good, unattached",
        TIMED_OUT,
        (at(When.UNATTACHED, "200"),),
        is_short=True,
        crash=Crash.SUBMITTED,
        restarts=False,
    ),
    Scenario("crash amid a success callback", SUCCEEDED, (soon("200"),), crash=Crash.CALLING_BACK),
    Scenario("crash amid a failure callback", FAILED, (soon("501"),), crash=Crash.CALLING_BACK),
    Scenario("crash after a callback", FAILED, (soon("501"),), crash=Crash.CALLED_BACK),
)
CANCELLATIONS = (
    Scenario("cancelled before submission", {"cancelled": nothing}, cancel=Cancel.UNSUBMITTED),
    Scenario(
        "cancelled, but made anyway",
        {"cancelled": nothing},
        (soon("200"),),
        cancel=Cancel.BUT_SUBMITTED,
    ),
    Scenario("cancelled once submitted", {"cancelled": whole}, cancel=Cancel.SUBMITTED),
    Scenario(
        "cancelled, and it fails",
        {"cancelled": nothing, **FAILED},
        (soon("501"),),
        cancel=Cancel.SUBMITTED,
    ),
    Scenario(
        "cancelled, and it succeeds",
        {"cancelled": whole, **SUCCEEDED},
        (soon("200"),),
        cancel=Cancel.SUBMITTED,
    ),
)


def failure_with(provider: str, code: str, error_type: str) -> Scenario:
    """A provider's failure with a code that provider_error_codes knows."""
    is_any = provider == "*"
    title = f"{code} {error_type}" if is_any else f"{code} of {provider}"
    is_strict = error_type == STRICT_ERROR
    return Scenario(
        f"{title}: {STRICT_PERCENT} % back" if is_strict else title,
        {"failed": half} if is_strict else FAILED,
        (soon("202"), soon(code)),
        provider=PROVIDER if is_any else provider,
    )


def every_scenario(failure_codes: Iterable[tuple[str, str, str]]) -> tuple[Scenario, ...]:
    """All of them, with one for each failure that provider_error_codes lists."""
    by_code = tuple(failure_with(*row) for row in failure_codes)
    return (*SUCCESSES, *by_code, *FAILURES, *SILENCES, *CRASHES, *CANCELLATIONS)
