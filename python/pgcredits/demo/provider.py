"""A simulated provider: it takes tasks, and calls back from threads of its own."""

from __future__ import annotations

import heapq
import threading
import time
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from pgcredits.demo.scenarios import SHORT_TIMEOUT_SECONDS, Answer, Moment, Says, Scenario, When

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    #: The application's address for callbacks; raises NoAnswerError.
    Webhook = Callable[["Callback"], None]

#: The longest time that the provider takes for anything.
LONGEST_WORK_SECONDS = 0.05


class NoAnswerError(Exception):
    """The other side was gone before it answered."""


class RefusedTaskError(Exception):
    """The provider does not take the task."""


@dataclass(frozen=True)
class Order:
    """One generation that a user asks for."""

    scenario: Scenario
    user_id: UUID
    price: int
    generation_id: UUID


@dataclass(frozen=True)
class Callback:
    """A callback that the provider delivers."""

    order: Order
    task_id: str
    says: Says


class Timetable:
    """Runs planned calls at their time, in the threads of a pool."""

    def __init__(self, pool: Executor) -> None:
        """Begin with no plans."""
        self.failure: Exception | None = None
        self._pool = pool
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="timetable")
        self._thread.start()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Plan a call for so many seconds from now."""
        with self._changed:
            heapq.heappush(self._planned, (time.monotonic() + seconds, next(self._numbers), do))
            self._changed.notify()

    def end(self) -> None:
        """Forget what is still planned."""
        with self._changed:
            self.is_over = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self.is_over:
                if not self._planned:
                    self._changed.wait()
                elif (ahead := self._planned[0][0] - time.monotonic()) > 0:
                    self._changed.wait(ahead)
                else:
                    self._pool.submit(self._do, heapq.heappop(self._planned)[2])

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # raised later by the thread that waits for the end
            self.failure = self.failure or error


class Provider:
    """Does as the scenario of each order says.

    It knows the application's generation ids, and creates one task for each, however often it is
    asked; it repeats a callback until it is answered.
    """

    def __init__(self, timetable: Timetable, webhook: Webhook) -> None:
        """Call back to this address."""
        self._timetable = timetable
        self._webhook = webhook
        self._rng = Random(1)  # noqa: S311
        self._tasks: dict[UUID, str] = {}
        self._at_work = 0
        self._given_up: set[UUID] = set()
        self._late: dict[UUID, Callable[[], None]] = {}
        self._lock = threading.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether it has made all its callbacks."""
        return self._at_work == 0

    @property
    def is_waiting(self) -> bool:
        """Whether all its callbacks that are left wait until the application has given up."""
        with self._lock:
            return self._at_work == len(self._late)

    def create_task(self, order: Order) -> str | dict[str, str]:
        """Answer an application's request: with the id of a new task, as a rule.

        Raises:
            ConnectionError: The provider cannot be reached.
            RefusedTaskError: The provider creates no task.
        """
        match order.scenario.answer:
            case Answer.NO_CONNECTION:
                raise ConnectionError("connection reset by peer")
            case Answer.REFUSAL:
                raise RefusedTaskError("the queue is full")
            case Answer.NONSENSE:
                return {"status": "ok"}
            case Answer.RESULT:
                return {"result": "https://example.com/image.png"}
        with self._lock:
            is_known = order.generation_id in self._tasks
            task_id = self._tasks.setdefault(order.generation_id, f"task-{uuid4()}")
            self._at_work += not is_known
        if not is_known:
            plan = order.scenario.plan
            first_heard = threading.Event()
            self._go_on(order, task_id, plan, first_heard)
            if plan and plan[0].when is When.UNATTACHED:
                while not first_heard.wait(0.1) and not self._timetable.is_over:
                    pass
        return task_id

    def note_given_up(self, generation_id: UUID) -> None:
        """Make the late callbacks of a generation that the application has given up on."""
        with self._lock:
            self._given_up.add(generation_id)
            say = self._late.pop(generation_id, None)
        if say:
            say()

    def _go_on(
        self,
        order: Order,
        task_id: str,
        plan: tuple[Moment, ...],
        this_heard: threading.Event | None = None,
    ) -> None:
        """Plan the next moment's callbacks; when all were answered, those of the one after it."""
        if not plan:
            with self._lock:
                self._at_work -= 1
            return
        moment, rest = plan[0], plan[1:]
        unheard = len(moment.says)

        def heard() -> None:
            nonlocal unheard
            with self._lock:
                unheard -= 1
                is_last = unheard == 0
            if is_last:
                if this_heard:
                    this_heard.set()
                self._go_on(order, task_id, rest)

        def say() -> None:
            delay = self._delay(moment.when)
            for says in moment.says:
                self._deliver(Callback(order, task_id, says), delay, heard)

        with self._lock:
            if moment.when is When.LATE and order.generation_id not in self._given_up:
                self._late[order.generation_id] = say
                return
        say()

    def _deliver(self, callback: Callback, delay: float, heard: Callable[[], None]) -> None:
        def deliver() -> None:
            try:
                self._webhook(callback)
            except NoAnswerError:
                self._deliver(callback, self._delay(When.SOON), heard)
            else:
                heard()

        self._timetable.after(delay, deliver)

    def _delay(self, when: When) -> float:
        work = self._rng.uniform(0, LONGEST_WORK_SECONDS)
        # A time around the deadline: sometimes the callback comes first, sometimes the sweep.
        return SHORT_TIMEOUT_SECONDS + 2 * work if when is When.DEADLINE else work
