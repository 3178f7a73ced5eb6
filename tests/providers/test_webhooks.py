"""What proves a webhook, vendor by vendor: tables of good, bad, stale and forged ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import openai
import pytest
from pydantic import SecretStr

from providers import registry
from providers.base import AskAgain, Forged, Hint, Hooked, TellOperator
from providers.catalogue import load
from providers.fal_webhooks import KEYS_LIFETIME, KEYS_PAUSE, FalHooks
from providers.gemini_webhooks import GeminiHooks
from providers.openai_webhooks import OpenAIHooks
from providers.simulators import openai_hooks
from providers.simulators.courier import Letter
from providers.simulators.fal import FalSimulator
from providers.simulators.fal_hooks import Signer
from providers.wire.webhooks import not_public
from tests.parts import START

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
OTHER = "whsec_" + base64.b64encode(b"somebody else's secret...").decode()
DONE = json.dumps({"object": "event", "type": "batch.completed", "data": {"id": "batch_17"}}).encode()
REQUEST = "764cabcf-b745-4b3e-ae38-1200304cf45b"

Headers = dict[str, str]


def signature(body: bytes, message_id: str, at: str, secret: str = SECRET) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def headers(
    body: bytes = DONE, message_id: str = "wh_1", seconds: float = 0, secret: str = SECRET
) -> Headers:
    at = str(int(START.timestamp() + seconds))
    signed = signature(body, message_id, at, secret)
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": signed}


def without(name: str) -> Headers:
    return {key: value for key, value in headers().items() if key != name}


# --- Standard Webhooks: OpenAI and Gemini -------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 299, -299, 300, -300])
def test_a_signed_event_names_its_batch(seconds: float) -> None:
    hooks = OpenAIHooks(SecretStr(SECRET))
    assert hooks.verify(headers(seconds=seconds), DONE, START) == Hint("wh_1", ("batch_17",))


def test_one_good_signature_among_several_is_enough() -> None:
    good = headers()
    offered = f"{headers(secret=OTHER)['webhook-signature']} v2,xyz {good['webhook-signature']}"
    assert OpenAIHooks(SecretStr(SECRET)).verify(
        {**good, "webhook-signature": offered}, DONE, START
    ).handle_ids == ("batch_17",)


BAD: dict[str, tuple[Headers, bytes]] = {
    "no headers": ({}, DONE),
    "no id": (without("webhook-id"), DONE),
    "no timestamp": (without("webhook-timestamp"), DONE),
    "no signature": (without("webhook-signature"), DONE),
    "another secret": (headers(secret=OTHER), DONE),
    "another body": (headers(), DONE.replace(b"batch_17", b"batch_18")),
    "a body with a space more": (headers(), DONE + b" "),
    "another id": ({**headers(), "webhook-id": "wh_2"}, DONE),
    "another time": ({**headers(), "webhook-timestamp": str(int(START.timestamp()) + 1)}, DONE),
    "too old": (headers(seconds=-301), DONE),
    "too new": (headers(seconds=301), DONE),
    "a time in words": ({**headers(), "webhook-timestamp": "now"}, DONE),
    "a time with a sign": ({**headers(), "webhook-timestamp": f"+{int(START.timestamp())}"}, DONE),
    "a time in other digits": ({**headers(), "webhook-timestamp": "١٧٦٣٨٨٨٤٠٠"}, DONE),
    "an endless time": ({**headers(), "webhook-timestamp": "9" * 400}, DONE),
    "an endless id": (headers(message_id="w" * 300), DONE),
    "an unknown version": (
        {**headers(), "webhook-signature": headers()["webhook-signature"].replace("v1,", "v2,")},
        DONE,
    ),
    "a bare signature": (
        {**headers(), "webhook-signature": headers()["webhook-signature"].removeprefix("v1,")},
        DONE,
    ),
    "no base64": ({**headers(), "webhook-signature": "v1,ü☃"}, DONE),
    "an empty one": ({**headers(), "webhook-signature": "v1,"}, DONE),
    "a good one behind many": (
        {**headers(), "webhook-signature": "v1,x " * 50 + headers()["webhook-signature"]},
        DONE,
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("make", [OpenAIHooks, GeminiHooks])
def test_what_is_not_proved_is_refused(make: Callable[[SecretStr], Hooked], name: str) -> None:
    offered, body = BAD[name]
    with pytest.raises(Forged) as refused:
        make(SecretStr(SECRET)).verify(offered, body, START)
    assert SECRET not in str(refused.value)
    assert "batch_17" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"type": "response.completed", "data": {"id": "resp_1"}}).encode(),
        json.dumps({"type": "batch.completed"}).encode(),
        json.dumps({"type": "batch.completed", "data": {"id": 7}}).encode(),
        json.dumps({"type": "batch.completed", "data": {"id": "https://evil.example/x"}}).encode(),
        json.dumps({"type": ["batch.completed"], "data": {"id": "batch_17"}}).encode(),
    ],
)
@pytest.mark.parametrize("make", [OpenAIHooks, GeminiHooks])
def test_a_signed_message_about_something_else_asks_for_nothing(
    make: Callable[[SecretStr], Hooked], body: bytes
) -> None:
    assert make(SecretStr(SECRET)).verify(headers(body), body, START) == Hint("wh_1", ())


@pytest.mark.parametrize("named", ["batches/b1", "b1"])
def test_geminis_batches_are_named_as_its_handles_are(named: str) -> None:
    body = json.dumps(
        {
            "type": "batch.succeeded",
            "version": "v1",
            "data": {"id": named, "output_file_uri": "files/batch-b1"},
        }
    ).encode()
    found = GeminiHooks(SecretStr(SECRET)).verify(headers(body), body, START)
    assert found.handle_ids == ("batches/b1",)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hunter2",
        SECRET.removeprefix("whsec_"),
        "whsec_c2hvcnQ=",
        "whsec_ not base64 !",
        "sk-proj-123",
    ],
)
def test_a_secret_that_cannot_be_one_is_told_by_name_and_not_shown(secret: str) -> None:
    with pytest.raises(TellOperator, match="OPENAI_WEBHOOK_SECRET") as told:
        OpenAIHooks(SecretStr(secret))
    assert not secret or secret not in str(told.value)
    with pytest.raises(TellOperator, match="GEMINI_WEBHOOK_SECRET"):
        GeminiHooks(SecretStr(secret))


def test_the_simulators_event_is_one_for_openais_own_client() -> None:
    import time

    letter = openai_hooks.event("batch_9", "completed", time.time)()
    client = openai.OpenAI(api_key="sk-sim-x", webhook_secret=openai_hooks.SECRET)
    event = client.webhooks.unwrap(letter.body, letter.headers)
    assert event.type == "batch.completed"
    assert event.data.id == "batch_9"
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.unwrap(letter.body + b" ", letter.headers)
    client.close()


# --- fal ----------------------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[FalSimulator]:
    with FalSimulator() as running:
        yield running


@pytest.fixture
def fal(simulator: FalSimulator) -> Iterator[FalHooks]:
    hooks = FalHooks(base_url=simulator.base_url)
    yield hooks
    hooks.close()


BODY = json.dumps({"request_id": REQUEST, "status": "OK", "payload": {"images": []}}).encode()


def letter(signer: Signer, body: bytes = BODY, seconds: float = 0, request: str = REQUEST) -> Letter:
    return signer.sign(request, "sim-key", START.timestamp() + seconds, body)


def fetches(simulator: FalSimulator) -> int:
    return sum(seen.path == "/.well-known/jwks.json" for seen in simulator.requests)


@pytest.mark.parametrize("seconds", [0, 300, -300])
def test_a_signed_message_names_its_request(fal: FalHooks, simulator: FalSimulator, seconds: float) -> None:
    sent = letter(simulator.signer, seconds=seconds)
    assert fal.verify(sent.headers, sent.body, START) == Hint(REQUEST, (REQUEST,))


def test_the_keys_are_fetched_once_a_day(fal: FalHooks, simulator: FalSimulator) -> None:
    for _ in range(3):
        sent = letter(simulator.signer)
        fal.verify(sent.headers, sent.body, START)
    assert fetches(simulator) == 1
    sent = letter(simulator.signer, seconds=KEYS_LIFETIME.total_seconds())
    fal.verify(sent.headers, sent.body, START + KEYS_LIFETIME)
    assert fetches(simulator) == 2


FORGED: dict[str, Callable[[Letter], tuple[Headers, bytes]]] = {
    "no headers": lambda sent: ({}, sent.body),
    "no signature": lambda sent: ({**sent.headers, "x-fal-webhook-signature": ""}, sent.body),
    "no hex": lambda sent: ({**sent.headers, "x-fal-webhook-signature": "z" * 128}, sent.body),
    "half a signature": lambda sent: (
        {**sent.headers, "x-fal-webhook-signature": sent.headers["x-fal-webhook-signature"][:64]},
        sent.body,
    ),
    "no signature at all, in hex": lambda sent: (
        {**sent.headers, "x-fal-webhook-signature": "0" * 128},
        sent.body,
    ),
    "another body": lambda sent: (dict(sent.headers), sent.body + b" "),
    "another request": lambda sent: ({**sent.headers, "x-fal-webhook-request-id": "other"}, sent.body),
    "another user": lambda sent: ({**sent.headers, "x-fal-webhook-user-id": "mallory"}, sent.body),
    "a request of two lines": lambda sent: (
        {**sent.headers, "x-fal-webhook-request-id": f"{REQUEST}\nsim-key"},
        sent.body,
    ),
    "another time": lambda sent: (
        {**sent.headers, "x-fal-webhook-timestamp": str(int(START.timestamp()) + 1)},
        sent.body,
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_fal_did_not_sign_is_refused(fal: FalHooks, simulator: FalSimulator, name: str) -> None:
    changed, body = FORGED[name](letter(simulator.signer))
    with pytest.raises(Forged):
        fal.verify(changed, body, START)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_is_stale_is_refused_before_any_key_is_fetched(
    fal: FalHooks, simulator: FalSimulator, seconds: float
) -> None:
    sent = letter(simulator.signer, seconds=seconds)
    with pytest.raises(Forged, match="five minutes"):
        fal.verify(sent.headers, sent.body, START)
    assert fetches(simulator) == 0


def test_a_replaced_key_is_fetched_but_not_for_every_forgery(fal: FalHooks, simulator: FalSimulator) -> None:
    sent = letter(simulator.signer)
    fal.verify(sent.headers, sent.body, START)
    simulator.signer = Signer()
    sent = letter(simulator.signer)
    with pytest.raises(Forged):
        fal.verify(sent.headers, sent.body, START)
    assert fetches(simulator) == 1, "asked for a moment ago"
    later = START + KEYS_PAUSE
    assert fal.verify(sent.headers, sent.body, later).handle_ids == (REQUEST,)
    forged = letter(Signer())
    for _ in range(5):
        with pytest.raises(Forged):
            fal.verify(forged.headers, forged.body, later)
    assert fetches(simulator) == 2


def test_a_key_in_the_message_is_not_asked(fal: FalHooks) -> None:
    mallory = Signer()
    body = json.dumps({**json.loads(BODY), **mallory.published(), "jku": "https://evil.example"}).encode()
    sent = letter(mallory, body)
    with pytest.raises(Forged):
        fal.verify({**sent.headers, "jku": "https://evil.example/jwks.json"}, sent.body, START)


def test_without_keys_the_message_is_to_come_again() -> None:
    simulator = FalSimulator()
    with simulator:
        signer, address = simulator.signer, simulator.base_url
    hooks = FalHooks(base_url=address)
    sent = letter(signer)
    for _ in range(2):
        with pytest.raises(AskAgain):
            hooks.verify(sent.headers, sent.body, START)
    hooks.close()


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": None},
        {"keys": [{"kty": "RSA", "n": "x", "e": "AQAB"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "short"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "☃"}]},
        {"keys": ["x", 7, None]},
    ],
)
def test_a_list_without_a_usable_key_is_no_list(
    fal: FalHooks, simulator: FalSimulator, keys: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = letter(simulator.signer)
    monkeypatch.setattr(Signer, "published", lambda _: keys)
    with pytest.raises(AskAgain):
        fal.verify(sent.headers, sent.body, START)


def test_fals_keys_come_from_its_own_address_unless_the_base_url_is_another() -> None:
    from providers.fal import storage_address

    assert storage_address("https://queue.fal.run/") == "https://rest.fal.ai"
    assert storage_address("https://gateway.example/fal") == "https://gateway.example/fal"


# --- which providers have them ------------------------------------------------------------------------

PUBLIC = "https://hooks.example.com/bot"


@pytest.mark.parametrize(
    ("settings", "public", "expected"),
    [
        ({}, PUBLIC, set()),
        ({"OPENAI_WEBHOOK_SECRET": SECRET}, "", set()),
        ({"OPENAI_API_KEY": "sk-1234567"}, PUBLIC, set()),
        ({"OPENAI_API_KEY": "sk-1234567", "OPENAI_WEBHOOK_SECRET": SECRET}, "", {"openai"}),
        ({"GEMINI_API_KEY": "AIza-1", "GEMINI_WEBHOOK_SECRET": SECRET}, "", {"gemini"}),
        ({"FAL_KEY": "a:b", "FAL_WEBHOOKS": "True"}, "", set()),
        ({"FAL_KEY": "a:b", "FAL_WEBHOOKS": "False"}, PUBLIC, set()),
        ({"FAL_KEY": "a:b", "FAL_WEBHOOKS": "True"}, PUBLIC, {"fal"}),
    ],
)
def test_webhooks_are_expected_of_those_set_up_for_them(
    settings: dict[str, str], public: str, expected: set[str]
) -> None:
    hooks = registry.hooks(settings, public_url=public)
    for hooked in hooks.values():
        assert isinstance(hooked, Hooked)
        hooked.close()
    assert set(hooks) == expected


@pytest.mark.parametrize(
    ("switch", "public", "address"),
    [
        ("True", PUBLIC, f"{PUBLIC}/hooks/fal"),
        ("True", f"{PUBLIC}/", f"{PUBLIC}/hooks/fal"),
        ("False", PUBLIC, ""),
        ("True", "", ""),
    ],
)
def test_fal_is_told_our_address_only_when_there_is_one(
    tmp_path: Path, switch: str, public: str, address: str
) -> None:
    built = registry.build(
        {"FAL_KEY": "a:b", "FAL_WEBHOOKS": switch},
        catalogue=load(),
        folder=tmp_path,
        clock=lambda: START + timedelta(0),
        public_url=public,
    )
    assert vars(built["fal"])["_hook_address"] == address
    for provider in built.values():
        provider.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://bot.example.com",
        "https://bot.example.com/hooks",
        "https://bot.example.com:8443/",
        "https://8.8.8.8",
        "https://[2606:4700:4700::1111]/x",
    ],
)
def test_a_public_address_will_do(url: str) -> None:
    assert not_public(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bot.example.com",
        "http://bot.example.com",
        "ftp://bot.example.com",
        "https://",
        "https://localhost",
        "https://bot.localhost",
        "https://LOCALHOST.:443",
        "https://intranet",
        "https://bot.local",
        "https://bot.internal/",
        "https://127.0.0.1",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://127.0.0.0x1",
        "https://10.1.2.3",
        "https://192.168.1.2/x",
        "https://172.16.0.1",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1",
        "https://0.0.0.0",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:secret@bot.example.com",
        "https://bot.example.com/?token=1",
        "https://bot.example.com/#x",
        "https://bot.example.com:99999",
        "https://bot example.com",
        "https://bot.exämple.com",
        "https://[half",
    ],
)
def test_an_address_inside_or_odd_is_refused_in_words(url: str) -> None:
    problem = not_public(url)
    assert problem
    assert "secret" not in problem
