"""The application of the origin's platform: its call sites, as its routes had them.

Each statement is a request of its own, as a browser library sends it. What a route does not look
at is swallowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Application:
    """The routes of the application, and what users were shown.

    Attributes:
        conn: In autocommit.
        user: Who uses it.
        shown: The balance that the user was shown after each step.
        ignored: SQLSTATEs of errors that a route swallowed.
    """

    conn: psycopg.Connection[Any]
    user: UUID = field(default_factory=uuid4)
    shown: list[tuple[str, int, int]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def send(self, query: str, *arguments: Any) -> Sequence[Any]:
        """One request."""
        cursor = self.conn.execute(query.encode(), arguments)
        return cursor.fetchall() if cursor.description else []

    def send_and_forget(self, query: str, *arguments: Any) -> None:
        """One request whose error nobody looks at."""
        try:
            self.send(query, *arguments)
        except psycopg.Error as error:
            self.ignored.append(error.sqlstate or "")

    def show(self, step: str) -> None:
        """Read the balance as the page does."""
        ((total, bought),) = self.send(
            "select current_balance, purchased_credits_balance from user_credits"
            " where user_id = %s",
            self.user,
        )
        self.shown.append((step, total, bought))

    # --- the call sites ---------------------------------------------------------------------------

    def sign_up(self) -> None:
        """1. A row of auth.users; a trigger opens the account."""
        self.send("insert into auth.users (id, email) values (%s, 'a@example.com')", self.user)

    def charge_what_was_read(self, amount: int) -> None:
        """2. Reads, judges, and writes an absolute value with two counters."""
        ((balance, month, life),) = self.send(
            "select current_balance, consumed_this_month, lifetime_consumed from user_credits"
            " where user_id = %s",
            self.user,
        )
        if balance >= amount:
            self.send_and_forget(
                "update user_credits set current_balance = %s, consumed_this_month = %s,"
                " lifetime_consumed = %s, updated_at = now() where user_id = %s",
                balance - amount, month + amount, life + amount, self.user,
            )  # fmt: skip

    def charge_if_enough(self, amount: int) -> bool:
        """3. One guarded update."""
        return bool(
            self.send(
                "update user_credits set current_balance = current_balance - %s,"
                " consumed_this_month = consumed_this_month + %s"
                " where user_id = %s and current_balance >= %s returning current_balance",
                amount, amount, self.user, amount,
            )
        )  # fmt: skip

    def charge_by_call(self, amount: int) -> Any:
        """4. The function for it."""
        ((answer,),) = self.send("select consume_user_credits(%s, %s)", self.user, amount)
        return answer

    def start_task(self, amount: int) -> UUID:
        """5. A row of tasks."""
        ((task,),) = self.send(
            "insert into enhancement_tasks (user_id, enhancement_type, status, credits_consumed,"
            " provider, prompt) values (%s, 'image', 'processing', %s, 'kling', 'a cat')"
            " returning id",
            self.user, amount,
        )  # fmt: skip
        return UUID(str(task))

    def finish_task(self, task: UUID) -> None:
        """6. The callback of the provider, with a result."""
        self.send(
            "update enhancement_tasks set status = 'completed', result_url = 'https://x'"
            " where id = %s",
            task,
        )

    def fail_task(self, task: UUID) -> None:
        """7. The callback of the provider, with an error: the credits are added again."""
        ((amount,),) = self.send(
            "update enhancement_tasks set status = 'failed', error_message = 'no'"
            " where id = %s returning credits_consumed",
            task,
        )
        self.add_back(amount)

    def add_back(self, amount: int) -> None:
        """8. A refund by adding to what was read."""
        ((balance,),) = self.send(
            "select current_balance from user_credits where user_id = %s", self.user
        )
        self.send_and_forget(
            "update user_credits set current_balance = %s where user_id = %s",
            balance + amount, self.user,
        )  # fmt: skip

    def refund_by_call(self, amount: int) -> None:
        """9. A refund by the function for it."""
        self.send("select refund_user_credits(%s, %s, 'failed')", self.user, amount)

    def webhook_writes(self, amount: int) -> None:
        """10. A purchase: the payment's webhook writes both columns."""
        ((balance, bought),) = self.send(
            "select current_balance, purchased_credits_balance from user_credits"
            " where user_id = %s",
            self.user,
        )
        self.send(
            "update user_credits set current_balance = %s, purchased_credits_balance = %s"
            " where user_id = %s",
            balance + amount, bought + amount, self.user,
        )  # fmt: skip

    def webhook_calls(self, amount: int) -> None:
        """11. A purchase: the webhook calls the function for it."""
        self.send("select add_purchased_credits(%s, %s)", self.user, amount)

    def give_as_admin(self, amount: int) -> None:
        """12. The support's page."""
        self.send(
            "update user_credits set current_balance = current_balance + %s,"
            " purchased_credits_balance = purchased_credits_balance + %s where user_id = %s",
            amount, amount, self.user,
        )  # fmt: skip

    def reset_month(self) -> None:
        """13. The nightly job, for everybody whose month is over."""
        self.send(
            "update user_credits set current_balance = monthly_allowance"
            " + purchased_credits_balance, consumed_this_month = 0, last_reset_at = now()"
            " where last_reset_at < now() - interval '30 days'"
        )

    def change_plan(self) -> None:
        """14. A subscription's webhook."""
        self.send(
            "update user_credits set subscription_tier = 'PRO', monthly_allowance = 50,"
            " current_balance = 50 + purchased_credits_balance, last_reset_at = now()"
            " where user_id = %s",
            self.user,
        )

    def log(self, amount: int) -> None:
        """15. A line of the history, written after the fact."""
        self.send_and_forget(
            "insert into credit_transactions (user_id, transaction_type, credits_used, status)"
            " values (%s, 'usage', %s, 'completed')",
            self.user, amount,
        )  # fmt: skip

    def history(self) -> list[int]:
        """16. The page of the user's history."""
        return [
            row[0]
            for row in self.send(
                "select credits_used from credit_transactions where user_id = %s"
                " and transaction_type = 'usage' order by created_at",
                self.user,
            )
        ]

    def leave(self) -> None:
        """17. The account is deleted."""
        self.send("delete from auth.users where id = %s", self.user)

    # --- a user's days ----------------------------------------------------------------------------

    def play(self) -> None:
        """All of it in an order that happens."""
        self.sign_up()
        self.show("signed up")
        self.charge_what_was_read(2)
        self.log(2)
        self.show("charged 2")
        assert self.charge_if_enough(3)
        self.show("charged 3")
        assert not self.charge_if_enough(100)
        self.show("could not pay 100")
        self.webhook_writes(100)
        self.show("bought 100")
        assert self.charge_by_call(20)["success"] is True
        self.show("charged 20")
        assert self.charge_by_call(1000)["success"] is False
        self.refund_by_call(20)
        self.show("refunded 20")
        self.webhook_calls(50)
        self.show("bought 50")
        assert self.charge_if_enough(4)
        self.finish_task(self.start_task(4))
        self.show("paid for a task")
        assert self.charge_if_enough(7)
        self.fail_task(self.start_task(7))
        self.show("a task failed")
        self.give_as_admin(5)
        self.show("was given 5")
