"""The application: it charges, asks the provider, and reports the outcome to the database.

Read it as an example: what is written here with `app.call("cancel_generation", p_user_id=...)` is
``select * from credits.cancel_generation(p_user_id => ...)`` in any other language. No transaction
is ever open while the provider is asked.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING
from uuid import uuid4

from psycopg.types.json import Jsonb

from pgcredits.demo.provider import NoAnswerError, RefusedTaskError
from pgcredits.demo.scenarios import SHORT_TIMEOUT_SECONDS, Cancel, Crash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from pgcredits.demo.client import Client
    from pgcredits.demo.provider import Callback, Order, Provider

#: What each user buys at first.
PACK_CREDITS = 1_000


class CrashedError(NoAnswerError):
    """The application went down."""


class Shop:
    """Serves orders and callbacks, in as many threads as there are connections."""

    def __init__(self, clients: Sequence[Client]) -> None:
        """Take the connections to work with."""
        self._clients: SimpleQueue[Client] = SimpleQueue()
        for client in clients:
            self._clients.put(client)
        self._crashed: set[UUID] = set()
        self._lock = threading.Lock()

    def sell_pack(self, user_id: UUID) -> None:
        """Grant credits for a payment. Its id is the key: a repeated webhook grants nothing."""
        payment_id = f"payment-{uuid4()}"
        with self._connection() as app:
            for _ in range(2):
                app.call(
                    "grant_user_credits",
                    p_user_id=user_id,
                    p_credits=PACK_CREDITS,
                    p_source="purchase",
                    p_reason="pack",
                    p_idempotency_key=payment_id,
                )

    def generate(self, order: Order, provider: Provider) -> None:
        """Carry out an order until the provider has it, or cannot get it.

        The generation id was noted with the order, so that after a crash all of it is repeated.
        """
        try:
            self._try_to_generate(order, provider)
        except CrashedError:
            if order.scenario.restarts:
                self._try_to_generate(order, provider)

    def handle_callback(self, callback: Callback) -> None:
        """Handle a callback of the provider: the code behind the webhook's address.

        Raises:
            CrashedError: The application went down before it answered.
        """
        order, scenario, says = callback.order, callback.order.scenario, callback.says
        with self._connection() as app:
            if not scenario.is_stored:
                self._fail(app, order, "storage_error", "the bucket is gone")
                return
            if self._will_crash(order, Crash.CALLING_BACK):
                app.begin()
            result = app.call(
                "handle_provider_callback",
                p_provider=scenario.provider,
                p_provider_task_id=callback.task_id,
                p_code=says.code,
                p_message=says.message,
                p_cost_usd=says.cost_usd,
                p_payload=Jsonb(says.payload),
            )
            self._reach(order, Crash.CALLING_BACK)
            self._reach(order, Crash.CALLED_BACK)
            self._settle(app, order, result.status)

    def _try_to_generate(self, order: Order, provider: Provider) -> None:
        scenario = order.scenario
        this = {"p_user_id": order.user_id, "p_generation_id": order.generation_id}
        with self._connection() as app:
            if self._will_crash(order, Crash.STARTING):
                app.begin()
            started = app.call(
                "start_generation",
                **this,
                p_provider=scenario.provider,
                p_generation_type="image",
                p_credits=order.price,
                p_timeout=timedelta(seconds=SHORT_TIMEOUT_SECONDS) if scenario.is_short else None,
            )
            self._reach(order, Crash.STARTING)
            self._reach(order, Crash.STARTED)
            if started.status != "pending":
                return

            if scenario.cancel in (Cancel.UNSUBMITTED, Cancel.BUT_SUBMITTED):
                app.call("cancel_generation", **this, p_reason="changed my mind")
            if scenario.cancel is Cancel.UNSUBMITTED:
                return
            try:
                answer = provider.create_task(order)
            except ConnectionError as error:
                self._fail(app, order, "network_error", error)
                return
            except RefusedTaskError as error:
                self._fail(app, order, "task_creation_failed", error)
                return
            self._reach(order, Crash.SUBMITTED)
            match answer:
                case str():
                    attached = app.call("attach_provider_task", **this, p_provider_task_id=answer)
                    # The callback may have come before, and the generation have succeeded.
                    self._settle(app, order, attached.status)
                case {"result": _}:
                    app.call("complete_generation", **this)
                case _:
                    self._fail(app, order, "invalid_response", answer)
            if scenario.cancel is Cancel.SUBMITTED:
                app.call("cancel_generation", **this, p_reason="too slow")

    def _settle(self, app: Client, order: Order, status: str | None) -> None:
        """Report the final price of a success, where it is not the price charged."""
        if order.scenario.final and status == "succeeded":
            app.call(
                "complete_generation",
                p_user_id=order.user_id,
                p_generation_id=order.generation_id,
                p_final_credits=order.scenario.final(order.price),
            )

    def _fail(self, app: Client, order: Order, error_type: str, message: object) -> None:
        """Report a failure twice, as an application does that got no answer the first time."""
        for _ in range(2):
            app.call(
                "fail_generation",
                p_user_id=order.user_id,
                p_generation_id=order.generation_id,
                p_error_type=error_type,
                p_error_message=str(message),
            )

    def _will_crash(self, order: Order, here: Crash) -> bool:
        """Whether the application goes down there: once for an order."""
        return order.scenario.crash is here and order.generation_id not in self._crashed

    def _reach(self, order: Order, here: Crash) -> None:
        with self._lock:
            if not self._will_crash(order, here):
                return
            self._crashed.add(order.generation_id)
        raise CrashedError

    @contextmanager
    def _connection(self) -> Iterator[Client]:
        client = self._clients.get()
        try:
            yield client
        except CrashedError:
            client.crash()
            raise
        finally:
            self._clients.put(client)
