"""``pgcredits alerts follow --webhook``: what an answer means, and what is sent."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from command_line.alert_relay.events import ALERT, AT
from command_line.alert_relay.receiver import HANG_UP, TOO_SLOW, Answer, Receiver, receiving
from docs.blocks import blocks
from pgcredits.alerts import Alert, AlertsError, Event
from pgcredits.alerts.follow import TryAgainError, UndeliverableError
from pgcredits.alerts.signing import Signer
from pgcredits.alerts.slack import payload
from pgcredits.alerts.webhook import WebhookSink, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = Event("opened", AT, ALERT)
SECRETS = ("s3cret", "t0ken")
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a public example


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def sink(receiver: Receiver, **named: Any) -> WebhookSink:
    return WebhookSink(receiver.url, shape=Event.as_json, **named)


def test_an_event_is_posted_as_json_with_its_key(receiver: Receiver) -> None:
    sink(receiver).deliver(EVENT)

    (request,) = receiver.requests
    assert request.path == "/services/s3cret?token=t0ken"
    assert request.body == EVENT.as_json()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == EVENT.key
    assert EVENT.key == "0190a3f0-0000-7000-8000-00000000a001:opened:2031-05-16T12:30:00.000000Z"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, HANG_UP])
def test_what_passes_is_tried_again(receiver: Receiver, status: int | str) -> None:
    receiver.answers.append(Answer(status))

    with pytest.raises(TryAgainError) as error:
        sink(receiver).deliver(EVENT)

    assert error.value.after is None
    assert receiver.address in str(error.value)
    assert not any(secret in str(error.value) for secret in SECRETS)


def test_an_answer_that_is_late_is_tried_again(receiver: Receiver) -> None:
    receiver.answers.append(Answer(TOO_SLOW))

    with pytest.raises(TryAgainError, match="did not answer in time"):
        sink(receiver, timeout=0.1).deliver(EVENT)


def test_nobody_there_is_tried_again(receiver: Receiver) -> None:
    with pytest.raises(TryAgainError) as error:
        WebhookSink("http://ann:s3cret@127.0.0.1:1/t0ken", shape=Event.as_json).deliver(EVENT)

    assert not any(secret in str(error.value) for secret in SECRETS)


def test_an_error_that_quotes_the_address_is_shown_without_its_secrets(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Any, _method: str, url: httpx.URL, **_named: Any) -> None:
        raise httpx.ConnectError(f"no way to {url}")

    monkeypatch.setattr(httpx.Client, "stream", fail)

    with pytest.raises(TryAgainError) as error:
        sink(receiver).deliver(EVENT)

    assert str(error.value) == f"{receiver.address}/...: no way to {receiver.address}/..."


@pytest.mark.parametrize(
    ("said", "at_least", "at_most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("999999999", 3600, 3600),
        ("in 1000 s", 1, 1000),
        ("Fri, 16 May 2003 12:00:00 GMT", 0, 0),
    ],
)
def test_it_comes_back_when_it_is_asked_to(
    receiver: Receiver, said: str, at_least: float, at_most: float
) -> None:
    if said == "in 1000 s":
        said = format_datetime(datetime.now(UTC) + timedelta(seconds=1000), usegmt=True)
    receiver.answers.append(Answer(429, {"Retry-After": said}))

    with pytest.raises(TryAgainError) as error:
        sink(receiver).deliver(EVENT)

    assert error.value.after is not None
    assert at_least <= error.value.after <= at_most


@pytest.mark.parametrize(
    "said", ["", "soon", "-1", "\u0663", "Mon, 01 Jan 2024 00:00:00 +99999999999999"]
)
def test_nonsense_about_when_is_as_if_nothing_were_said(receiver: Receiver, said: str) -> None:
    receiver.answers.append(Answer(503, {"Retry-After": said.encode("utf-8").decode("latin-1")}))

    with pytest.raises(TryAgainError) as error:
        sink(receiver).deliver(EVENT)

    assert error.value.after is None


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_event_that_is_refused_for_good_is_left_out(receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status, body=b"invalid_payload\x1b[31m" + b"x" * 1000))

    with pytest.raises(UndeliverableError) as error:
        sink(receiver).deliver(EVENT)

    assert f"answered {status} (invalid_payload\\x1b[31mxxx" in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405, 410])
def test_a_wrong_address_ends_it(receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status, {"Location": f"{receiver.address}/elsewhere"}))

    with pytest.raises(AlertsError) as error:
        sink(receiver).deliver(EVENT)

    assert error.value.exit_status == 21
    assert len(receiver.requests) == 1
    assert not any(secret in str(error.value) for secret in SECRETS)


@pytest.mark.parametrize(
    "url", ["", "hooks.example.com/x", "ftp://example.com/x", "file:///etc/passwd", "http://", "x:"]
)
def test_only_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(AlertsError):
        WebhookSink(url, shape=Event.as_json)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.slack.com/services/T0/B0/s3cret", "https://hooks.slack.com/..."),
        ("http://ann:s3cret@example.com:8080/?t0ken", "http://example.com:8080/..."),
        ("http://[::1", "the webhook"),
        ("http://example.com:port/s3cret", "the webhook"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


# --- a signature, and a header of the receiver's own ----------------------------------------------


def verifier() -> Any:
    """The function by which our page verifies a signature."""
    (block,) = (block for block in blocks("python") if "webhook-signature" in block.code)
    names: dict[str, Any] = {"__name__": "page"}
    exec(block.code, names)  # noqa: S102 - it is ours
    return names["verified"]


def test_the_signature_is_the_one_of_standard_webhooks() -> None:
    """The example that the libraries of Standard Webhooks test themselves with."""
    signer = Signer(SIGNING_SECRET)
    signed = signer.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_attempt_is_signed_anew_and_its_id_stays(receiver: Receiver) -> None:
    receiver.answers.append(Answer(503))
    posting = sink(receiver, signer=Signer(SIGNING_SECRET))
    with pytest.raises(TryAgainError):
        posting.deliver(EVENT)
    posting.deliver(EVENT)
    posting.deliver(Event("resolved", AT, ALERT))

    verified = verifier()
    for request in receiver.requests:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert verified(SIGNING_SECRET, headers, request.raw)
        assert not verified(SIGNING_SECRET, headers, request.raw + b" ")
        assert not verified(SIGNING_SECRET, {**headers, "webhook-id": "other"}, request.raw)
        assert not verified("whsec_" + "A" * 32, headers, request.raw)
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    first, again, other = (request.headers["webhook-id"] for request in receiver.requests)
    assert first == again != other
    assert "." not in first + other


def test_an_old_request_is_not_verified() -> None:
    at = int(time.time()) - 3600
    headers = Signer(SIGNING_SECRET).headers(EVENT, b"{}", at)

    assert not verifier()(SIGNING_SECRET, headers, b"{}")


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    sink(receiver).deliver(EVENT)

    assert not [name for name in receiver.requests[0].headers if name.startswith("webhook-")]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        SIGNING_SECRET.removeprefix("whsec_"),
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"s" * 23).decode(),
        "whsec_" + base64.b64encode(b"s" * 65).decode(),
        SIGNING_SECRET + "\n",
    ],
)
def test_a_malformed_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(AlertsError, match="PGCREDITS_WEBHOOK_SECRET") as error:
        Signer(secret)

    rest = secret.removeprefix("whsec_").strip()
    assert not rest or rest not in str(error.value) + error.value.hint


def test_a_header_of_the_receivers_is_sent_and_never_shown(receiver: Receiver) -> None:
    receiver.answers.append(Answer(401, body=b"x" * 190 + b"no such token: s3cret-t0ken"))

    with pytest.raises(AlertsError) as error:
        sink(receiver, header="Authorization: Bearer s3cret-t0ken").deliver(EVENT)

    assert receiver.requests[0].headers["Authorization"] == "Bearer s3cret-t0ken"
    assert "s3cret" not in str(error.value) + error.value.hint


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer s3cret",
        ": s3cret",
        "X-Key:",
        "X Key: s3cret",
        "X-Key: s3cret\r\nX-Other: 1",
        "X-Key: s3cret\u00e9",
        "Content-Length: s3cret",
        "Webhook-Signature: s3cret",
    ],
)
def test_what_is_no_header_or_is_ours_to_write_is_refused(receiver: Receiver, header: str) -> None:
    with pytest.raises(AlertsError, match="--webhook-header") as error:
        sink(receiver, header=header)

    assert "s3cret" not in str(error.value) + error.value.hint


# --- Slack ----------------------------------------------------------------------------------------


def test_a_message_for_slack(receiver: Receiver) -> None:
    WebhookSink(receiver.url, shape=payload).deliver(EVENT)

    assert receiver.requests[0].body == {
        "text": "critical: provider_down",
        "mrkdwn": False,
        "attachments": [
            {
                "color": "#a30200",
                "fallback": "critical: provider_down: 10 failures in a row",
                "text": "10 failures in a row",
                "mrkdwn_in": [],
                "fields": [
                    {"title": "provider", "value": "nanobanana", "short": True},
                    {"title": "occurrences", "value": "2", "short": True},
                    {
                        "title": "alert",
                        "value": "0190a3f0-0000-7000-8000-00000000a001",
                        "short": True,
                    },
                ],
                "ts": 1936701000,
            }
        ],
    }


def test_hostile_texts_call_nobody_and_link_nowhere() -> None:
    hostile = "<!channel> & <https://evil.example|your bank> *now*"
    alert = Alert(
        **{
            **{name: getattr(ALERT, name) for name in Alert.__dataclass_fields__},
            "message": hostile,
            "type": hostile,
            "provider": hostile,
            "acknowledged_by": hostile,
        }
    )

    said = payload(Event("resolved", AT, alert))

    clean = "&lt;!channel&gt; &amp; &lt;https://evil.example|your bank&gt; *now*"
    (attachment,) = said["attachments"]
    assert attachment["text"] == clean
    assert said["text"] == f"resolved (critical): {clean}"
    assert "<" not in str(said)
    assert ">" not in str(said)
    assert attachment["mrkdwn_in"] == []
    assert attachment["color"] == "#2eb886"


def test_slack_is_told_the_users_own_id() -> None:
    alert = replace(ALERT, user_id=UUID(int=7), external_user_id="user_<2abC>")

    fields = payload(Event("opened", AT, alert))["attachments"][0]["fields"]

    assert {"title": "external id", "value": "user_&lt;2abC&gt;", "short": True} in fields
    assert {"title": "user", "value": str(UUID(int=7)), "short": True} in fields


def test_a_long_message_is_cut_before_it_is_escaped() -> None:
    alert = Alert(
        **{
            **{name: getattr(ALERT, name) for name in Alert.__dataclass_fields__},
            "message": "&" * 5000,
        }
    )

    text = payload(Event("opened", AT, alert))["attachments"][0]["text"]

    assert text == "&amp;" * 1999 + "\N{HORIZONTAL ELLIPSIS}"
