"""How older systems call things: the names of columns, and the words in them.

Every guess that is made from these is shown in the plan, where a person can change it.
"""

from __future__ import annotations

import re

# --- names of columns, the likeliest first --------------------------------------------------------

#: Columns of whatever shares its credits: a balance may be a team's.
GROUP = ("team_id", "org_id", "organization_id", "organisation_id", "workspace_id", "tenant_id",
         "company_id")  # fmt: skip
USER = (
    "user_id",
    "account_id",
    "profile_id",
    "customer_id",
    "owner_id",
    "member_id",
    "uid",
    "user",
    "owner",
    *GROUP,
)
#: Columns that say whose a row of a table of users is, where it is not the row's own key.
USER_OF_USERS = ("user_id", "uid", "user", "owner_id", "owner", "profile_id", "customer_id")
#: Columns that say so together with one of the same name and _type, as object mappers write it.
POLYMORPHIC = ("holder_id", "walletable_id", "ownable_id", "billable_id", "payable_id")
#: Tables of accounts, which belong to users.
ACCOUNTS = re.compile(r"(^|_)(accounts?|wallets?|balances?)$")
#: Further names of a user's column: wallet_owner, customer_uuid.
USER_LIKE = re.compile(
    r"(^|_)(user|owner|account|customer|member|profile)(_?id|_uuid)?$"
    r"|(^|_)(team|org|organi[sz]ation|workspace|tenant|company)_(id|uuid)$"
)
#: Tables with a row for each user, in which the key says who it is.
USERS_TABLE = re.compile(r"^(app_)?(users?|profiles?|accounts?|customers?|members?)$")
#: The same of groups: a column of theirs that names a user says who made them, not whose they are.
GROUPS_TABLE = re.compile(
    r"^(app_)?(teams?|orgs?|organi[sz]ations?|workspaces?|tenants?|companies|company)$"
)

#: A balance: something left to spend.
BALANCE = re.compile(
    r"^(.*_)?(balance|credits?|tokens?|coins?)(_(balance|left|remaining|available))?"
    r"(_(in_)?(usd|dollars?|eur|gbp|cents))?$"
)
#: Names that look like a balance's, of columns that count something else.
NOT_BALANCE = re.compile(
    r"(consumed|used|spent|lifetime|total|allowance|limit|max|quota|granted|cost|price|charged"
    r"|refund|after|before|previous|new_|per_|monthly_credits$|requested)"
)
#: Names of balances that may hold all of a user's credits: they say nothing of these.
ALL_CREDITS = re.compile(
    r"^((current|available|remaining|spendable|user|account|wallet)_)?((credit|token|coin)s?_)?"
    r"(balance|credits?|tokens?|coins?)(_(balance|left|remaining|available))?"
    r"(_(in_)?(usd|dollars?|eur|gbp|cents))?$"
)
#: What is left of a month's credits, or what each month brings: only rows or code can tell.
UNSURE = re.compile(r"^(monthly|included|plan|subscription|tier)_(credits|tokens|coins)$")
#: A column that holds credits only where rows or code show it, whatever its name says.
HELD_IF_SHOWN = re.compile(
    r"month|week|daily|allowance|quota|limit|free|trial|gift|reward|referral|promo|included"
    r"|plan|subscription|credit|token|coin|balance"
)
NEVER_HELD = re.compile(
    r"consumed|used|spent|lifetime|cost|price|charged|refund|requested|count|threshold|after"
    r"|before|previous|(^|_)(id|max|min|per|version|months|days)(_|$)"
)
#: A sum of other columns, or of all credits ever: a balance only where rows or code show it.
TOTAL = re.compile(r"^total_(credits|tokens|coins|balance)$|^(credits|tokens|coins|balance)_total$")
MONTHLY = re.compile(r"(month|current|subscription|plan|allowance|free|included)")
PURCHASED = re.compile(r"(purchas|paid|bought|topup|top_up|extra|pack|bonus)")
RESET = ("last_reset_at", "last_reset", "reset_at", "period_start", "last_refill_at")
TIER = ("subscription_tier", "tier", "plan", "subscription_plan", "plan_name", "membership")
ALLOWANCE = ("monthly_allowance", "monthly_credits", "allowance", "credits_per_month")
EXPIRES = ("expires_at", "expires_on", "expiry", "expiry_date", "expiration", "expiration_date",
           "valid_until", "valid_to", "period_end", "next_reset_at", "credits_expire_at",
           "credits_expires_at", "credit_expires_at", "tokens_expire_at", "balance_expires_at",
           "credits_expiry", "credits_valid_until")  # fmt: skip
#: What time a row is of, where it is one of several: nothing says when its credits end.
PERIOD = ("month", "period", "billing_period", "billing_month", "year_month", "period_start",
          "cycle", "cycle_start", "week", "year")  # fmt: skip
#: The end of a user's credits, and of nothing else.
CREDITS_END = re.compile(r"^(credits?|tokens?|coins?|balance)_(expires?|expiry|valid|end)")
#: What is left of a lot, where there are several rows a user; and what it began with.
LEFT = re.compile(
    r"^(.*_)?(remaining|left|unused|available)_(credits?|tokens?|coins?|balance)$"
    r"|^(.*_)?(credits?|tokens?|coins?)_(remaining|left|unused|available)$"
    r"|^(credits?|tokens?|coins?)_balance$"
)
#: The same, of what the table's name says: attempts and seats have something left, too.
LEFT_OF_IT = re.compile(
    r"^(remaining|left|unused|available)(_(amount|quantity))?$"
    r"|^(amount|quantity|balance)_(remaining|left|unused|available)$"
)
#: Tables whose name says that their rows are credits.
LOTS = re.compile(
    r"credit|wallet|quota|(^|_)(tokens?|coins?|balances?|lots?|packs?|packages?|grants?|buckets?"
    r"|top_?ups?|allowances?|allocations?|bonus(es)?)(_|$)"
)
GIVEN = re.compile(
    r"(^|_)(purchased|granted|initial|original|total|issued|given|allocated|bought|amount|quantity"
    r"|credits?|tokens?|coins?)(_|$)"
)

AMOUNT = ("delta", "amount", "amount_usd", "amount_cents", "delta_usd", "credits_used",
          "credits_delta", "credit_delta", "change", "credits_change", "credit_change",
          "credits_amount", "credit_amount", "token_amount", "coin_amount", "credits",
          "credits_spent", "credits_consumed", "credits_charged", "credits_deducted", "quantity",
          "qty", "points", "tokens", "coins")  # fmt: skip
#: Names of amounts that always have their sign.
SIGNED = ("delta", "change", "credits_delta", "credit_delta", "credits_change", "credit_change")
CREDIT = ("credit", "credits_in", "credited")
DEBIT = ("debit", "credits_out", "debited")
AFTER = ("balance_after", "new_balance", "running_balance", "resulting_balance", "closing_balance",
         "ending_balance", "credits_after", "balance_after_transaction", "account_current_balance",
         "balance")  # fmt: skip
KIND = ("transaction_type", "type", "kind", "action", "entry_type", "event_type", "tx_type",
        "txn_type", "change_type", "movement_type", "transaction_kind", "direction", "event",
        "reason", "operation")  # fmt: skip
AT = ("created_at", "occurred_at", "inserted_at", "recorded_at", "posted_at", "executed_at",
      "timestamp", "entry_date", "transaction_date", "created", "created_on", "date",
      "at")  # fmt: skip
#: A column that is set where a row counts no more.
DEAD = ("deleted_at", "voided_at", "reversed_at", "removed_at", "revoked_at", "cancelled_at",
        "canceled_at", "archived_at", "is_deleted", "deleted",
        "is_void", "voided", "is_voided", "is_reversed")  # fmt: skip
#: A column that is false where a row may count no more.
ACTIVE = ("is_active", "active", "is_enabled", "enabled", "is_valid", "valid")
#: What a row of a history may belong to: the work comes before the payment and the request.
TASK = ("task_id", "job_id", "generation_id", "prediction_id", "video_id", "image_id", "render_id",
        "run_id")  # fmt: skip
REFERENCE = (*TASK, "api_request_id", "reference_id", "reference", "resource_id", "request_id",
             "order_id", "payment_id", "payment_intent", "payment_intent_id", "invoice_id",
             "external_id", "ref")  # fmt: skip
COST = ("cost_usd", "provider_cost", "cost")

CHARGED = ("credits_consumed", "credits_charged", "credits_used", "credit_cost", "cost_credits",
           "credits_cost", "credits_spent", "price_credits", "credits_price",
           "credits")  # fmt: skip
#: Logs in which each row is a charge, or each one a grant, though no column says so.
USAGE_LOG = re.compile(r"(^|_)(usages?|consumptions?|spend(ing)?s?|deductions?|debits?)(_|$)")
AMOUNT_USED = re.compile(r"(^|_)(used|consumed|spent|charged|deducted)$")
GRANT_LOG = re.compile(
    r"(^|_)(grants?|purchases?|top_?ups?|deposits?|rewards?|refills?|bonus(es)?)(_|$)"
)
#: Names of columns whose numbers may be credits.
AMOUNT_LIKE = re.compile(r"credit|token|coin|point|amount|qty|quantity|balance|delta")
#: Tables of a shop. Their rows have a status and a price as tasks do, but a price in money: for a
#: payment that failed, no credits are owed.
SHOP = re.compile(
    r"(^|_)(orders?|subscriptions?|payments?|invoices?|purchases?|checkouts?|packages?|top_?ups?"
    r"|plans?|products?|carts?|refunds?)(_|$)"
)
WORK = re.compile(
    r"(^|_)(tasks?|jobs?|generations?|enhancements?|renders?|predictions?|images?|videos?|runs?)"
    r"(_|$)"
)
STATUS = ("status", "state")
#: The same of a payment or refund; or a column that is true where it happened.
DONE = (*STATUS, "transaction_status", "payment_status", "refund_status", "outcome", "completed",
        "is_completed", "success", "succeeded", "is_success", "processed", "is_processed",
        "confirmed", "is_confirmed", "applied", "is_applied")  # fmt: skip
PROVIDER = ("provider", "vendor", "service", "model")
#: A table of nobody's with one of these keeps what the platform itself has at a provider.
AT_PROVIDER = ("provider", "provider_id", "provider_name", "vendor", "vendor_id")
TASK_TYPE = ("enhancement_type", "generation_type", "task_type", "kind", "type")
TASK_IDS = ("provider_task_id", "api_task_id", "external_task_id", "external_id", "prediction_id")
FINISHED = ("finished_at", "completed_at", "ended_at", "failed_at", "updated_at")
ERROR_TYPE = ("error_type", "failure_type", "error_code")
ERROR_MESSAGE = ("error_message", "error", "failure_reason", "message")
REFUNDED_FLAG = ("refunded", "is_refunded")
REFUNDED_CREDITS = ("refund_credits", "credits_refunded", "refunded_credits", "refund_amount")
REFUNDED_AT = ("refunded_at", "refund_processed_at")
REFUNDED_STATUS = ("refund_status",)

NOT_GIVEN = re.compile(
    r"used|consumed|spent|lifetime|cost|price|refund|after|before|previous|new_|usd|cents"
)
#: Names of tables that speak of credits: one of these that nothing explains may hold some.
SPEAKS_OF_CREDITS = re.compile(
    r"credit(?!or|_?card)|wallet|quota|(^|_)(tokens?|usages?|coins?|balances?|ledgers?)(_|$)"
)
#: Tables with a row for what a user is subscribed to.
SUBSCRIPTIONS = re.compile(r"(^|_)(subscriptions?|memberships?)$")
#: Columns that do, in tables of other names.
LEFT_OF_CREDITS = re.compile(
    r"(credits?|tokens?|coins?)_(balance|left|remaining|available)$"
    r"|(remaining|available|unused)_(credits?|tokens?|coins?)$"
)
#: What was used of a limit: the rest may be credits. Beside a period nothing else may be said.
USED = re.compile(r"(^|_)(used|consumed|spent|usage)(_|$)")
LIMIT = re.compile(
    r"(^|_)(limit|quota|included|allowance|allotment|allocated|granted|total|purchased|initial|max)"
    r"(_|$)"
)
BESIDE_LIMIT = re.compile(
    r"(^|_)(this|per|in|of|month|months|monthly|period|cycle|day|today|daily|week|weekly|year|yearly"
    r"|current|credits?|tokens?|coins?|points?|plan|amount|count|number)(?=_|$)"
)
#: Tokens that let somebody in.
KEYS = re.compile(
    r"(^|_)(access|refresh|auth|api|session|reset|verification|verify|verifications?|invit\w*|push"
    r"|device|csrf|oauth\w*|personal|password|login|email|jwt|fcm|magic|revoked|blacklist\w*)"
    r"_(\w+_)?tokens?$"
)
#: Tables of what is for sale, and of settings. They have no owners.
FOR_SALE = re.compile(
    r"(^|_)(packs?|packages?|plans?|prices?|pricing|costs?|rates?|settings?|config\w*|products?"
    r"|tiers?|rules?|polic(y|ies)|limits?|types?|features?|models?|bundles?|offers?)(_|$)"
)
#: Words of lots that count, or of which nothing is left.
LIVE = re.compile(
    r"^(active|available|open|valid|current|granted|completed?|paid|partial\w*|(fully_)?used"
    r"|depleted|exhausted|consumed|expired)$"
)
#: Columns whose words may tell one kind of credits from another, and words that tell only where
#: credits came from.
CREDIT_KIND = ("credit_type", "credit_kind", "currency", "unit", "feature", "resource_type", "type",
               "kind", "bucket", "pool", "category", "currency_code", "asset")  # fmt: skip
#: Those of them that tell units apart, whatever the table.
CREDIT_UNIT = ("credit_type", "credit_kind", "currency", "currency_code", "asset", "unit")
ORIGINS = re.compile(
    r"(^|_)(free|trial|paid|plan|addon|add_on|month\w*|annual\w*|year\w*|week\w*|daily|manual|admin"
    r"|rollover|one_time|permanent|included|base|extra|import|migrat\w*|stripe|paypal|apple|google)"
    r"(_|$)"
)
#: What credits are called, and words beside that which tell nothing of what they are good for.
UNITS = re.compile(r"^(credit|token|coin)s?$")
NO_KIND = re.compile(
    r"^(current|users?|accounts?|wallets?|members?|my|main|general|regular|balance|left|remaining"
    r"|available|unused|count|amount|number|quantity|total|reserved|held|hold|locked|frozen|blocked|pending|api|platform|prepaid|spendable|usable|usd|cents|eur|dollars?|referrals?|promo\w*|gift\w*|welcome"
    r"|signup|rewards?|earned|rolled|over|expiring|last|subscription|initial|opening|ai|app|\d+)$"
)

# --- words in columns -----------------------------------------------------------------------------

KINDS = {
    "refund": ("refund", "refunded", "reversal", "reversed", "chargeback_reversal", "credit_back",
               "payback", "pay_back", "paid_back", "give_back", "reimbursement"),
    "expiry": ("expiry", "expired", "expire", "expiration"),
    "grant": (
        "grant", "purchase", "topup", "top_up", "credit", "bonus", "reset", "allowance", "earn",
        "earned", "deposit", "subscription", "monthly", "monthly_reset", "promo", "referral",
        "signup", "signup_bonus", "gift", "add", "plan_change", "renewal", "recharge", "reward",
        "welcome", "compensation", "goodwill", "granted", "purchased", "added", "trial", "refill",
        "pack", "package", "initial", "addition", "replenishment", "award", "awarded", "credited",
        "transfer_in", "rollover",
    ),
    "charge": (
        "charge", "usage", "use", "used", "deduction", "deduct", "debit", "spend", "spent",
        "consume", "consumed", "consumption", "generation", "enhancement", "purchase_generation",
        "withdraw", "withdrawal", "remove", "removal", "burn", "subtract", "deducted", "charged",
        "withdrawn", "removed", "application", "render", "upscale", "processing", "subtraction",
        "debited", "spending", "transfer_out", "overage",
    ),
}  # fmt: skip
#: The same, where a word is nothing but this.
WHOLE_KINDS = {"in": "grant", "plus": "grant", "inc": "grant", "increase": "grant",
               "increment": "grant", "out": "charge", "minus": "charge", "dec": "charge",
               "decrease": "charge", "decrement": "charge"}  # fmt: skip
STATUSES = {
    "succeeded": ("succeeded", "success", "completed", "complete", "done", "finished", "ok",
                  "ready", "delivered"),
    "failed": ("failed", "failure", "error", "errored", "rejected", "nsfw"),
    "cancelled": ("cancelled", "canceled", "aborted"),
    "timed_out": ("timed_out", "timeout", "timedout"),
    "processing": ("processing", "running", "in_progress", "started", "submitted", "generating",
                   "working"),
    "pending": ("pending", "queued", "created", "new", "waiting", "scheduled"),
}  # fmt: skip
#: A row of a history whose status is one of these did not happen.
VOID = ("failed", "failure", "error", "errored", "rejected", "declined", "denied", "cancelled",
        "canceled", "aborted", "void", "voided", "invalid", "abandoned", "false")  # fmt: skip
#: A row of a history whose status is one of these happened.
HAPPENED = ("completed", "complete", "success", "succeeded", "successful", "done", "posted",
            "settled", "paid", "confirmed", "approved", "applied", "processed", "active", "ok",
            "finished", "captured", "final", "finalized", "valid", "true", "refunded",
            "")  # fmt: skip
FINISHED_STATUSES = ("succeeded", "failed", "cancelled", "timed_out")
#: A refund whose status is one of these has not come back yet.
NOT_YET = ("pending", "requested", "queued", "open", "processing", "waiting", "submitted",
           "scheduled", "new", "created", "started", "in_progress")  # fmt: skip
#: Stands for the meaning of a word that is in none of these lists: a person must give it in the
#: plan.
UNKNOWN = "unknown"


def plain(name: str) -> str:
    """A name in the spelling of these lists: userId and "User ID" become user_id."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def counts_purchased(word: str) -> bool:
    """Whether a column of this name counts credits that come beside the month's."""
    return bool(
        PURCHASED.search(word)
        and re.search(r"(balance|credits|tokens)", word)
        and not re.search(r"(lifetime|total|price|cost|requested)", word)
    )


def needs_showing(word: str) -> bool:
    """Whether a column of this name is a balance only where rows or code show it."""
    return not (
        UNSURE.match(word)
        or counts_purchased(word)
        or (BALANCE.match(word) and not NOT_BALANCE.search(word))
    )


def kind_of(word: str) -> str:
    """What a row with this word did; other where we do not know the word."""
    return WHOLE_KINDS.get(plain(word)) or _meaning(word, KINDS) or "other"


def status_of(word: str) -> str:
    """The status of a generation that this word stands for, or unknown."""
    return _meaning(word, STATUSES) or UNKNOWN


def _meaning(word: str, meanings: dict[str, tuple[str, ...]]) -> str | None:
    spelt = plain(word)
    for meaning, words in meanings.items():
        if spelt in words:
            return meaning
    for meaning, words in meanings.items():
        if any(re.search(rf"(^|_){re.escape(known)}(_|$)", spelt) for known in words):
            return meaning
    return None
