"""What is a secret, and what only looks like one."""

import json
import string
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.redaction import redact, redacted_json
from aethergrid_pipelines.capture.secret_finder import find_secrets
from aethergrid_pipelines.capture.secret_patterns import PATTERNS
from aethergrid_pipelines_tests.capture.secret_examples import GITHUB, HEX, TOKENS, made, pem

SAMPLES = Path(__file__).parents[2] / "samples"

SURROUNDINGS = ["{}", "it is `{}`.", 'key = "{}"', "first line\\n{}\\nlast", "url?key={}&x=1", "({})", "{}\n"]


def redacted(text: str) -> str:
    return redact(text, [])


def before(kind: str) -> str:
    return "123456789:" if kind == "telegram-token" else ""


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_replaced_by_its_kind_and_nothing_around_it_is(kind: str, around: str) -> None:
    assert redacted(around.format(before(kind) + TOKENS[kind])) == around.format(f"{before(kind)}[redacted: {kind}]")


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD={}",
        'password: "{}"',
        "export MISTRAL_API_KEY={}",
        "process.env['COHERE_API_KEY'] = '{}'",
        "aws_secret_access_key = {}",
        'clientSecret := "{}"',
        '"accessToken": "{}"',
        '{{\\"token\\": \\"{}\\"}}',
        "SECRET_KEY => '{}',",
    ],
)
def test_what_is_assigned_to_a_name_of_secrets_is_one(text: str) -> None:
    assert redacted(text.format(made(32))) == text.format("[redacted: assigned-secret]")
    assert redacted(text.format(made(40, HEX))) == text.format("[redacted: assigned-secret]")


def test_a_password_with_signs_is_one() -> None:
    assert redacted("password: Tr0ub4dor&3 is it") == "password: [redacted: assigned-secret] is it"


def test_a_password_in_a_url_is_one_and_the_rest_of_the_url_is_not() -> None:
    assert redacted("postgresql://app:h8Kq2z@db.example.org:5432/x") == (
        "postgresql://app:[redacted: url-password]@db.example.org:5432/x"
    )


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_credentials_of_a_request_are_secrets(scheme: str) -> None:
    assert redacted(f"-H 'Authorization: {scheme} {made(40)}'") == (
        f"-H 'Authorization: {scheme} [redacted: bearer-token]'"
    )


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "])
def test_a_private_key_is_replaced_whole(kind: str) -> None:
    assert redacted(f"here:\n{pem(kind)}\nend") == "here:\n[redacted: private-key]\nend"


def test_a_private_key_that_was_cut_off_is_replaced_as_far_as_it_goes() -> None:
    assert redacted(pem()[:300]) == "[redacted: private-key]"


def test_the_most_telling_name_wins_and_nothing_of_either_is_left() -> None:
    assert redacted(f"token={GITHUB}") == "token=[redacted: github-token]"
    assert redacted(f"Authorization: Bearer {GITHUB}") == "Authorization: Bearer [redacted: github-token]"


@pytest.mark.parametrize(
    "text",
    [
        "sk-...",
        "sk-ant-...",
        "sk-proj-" + "x" * 48,
        "YOUR_API_KEY",
        'api_key="your-api-key-goes-here-1234"',
        "ghp_" + "x" * 36,
        "ghp_your_token_here",
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "api_key=os.environ['OPENAI_API_KEY']",
        "token = get_token(user2)",
        "password: str = Field(min_length=8)",
        "password=settings.database_password2.get_secret_value()",
        "max_tokens=4096, total_tokens: 128000",
        "tokenizer=cl100k_base",
        "secret_name: my-app-secret-v2",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer <token>",
        "https://${USER}:${PASS}@host/x",
        "https://user:password@host/x and postgres://postgres:postgres@localhost/db",
        "redis://:changeme@localhost and amqp://{user}:{password}@host",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + made(200) + "\n-----END PUBLIC KEY-----",
        "task-12345678901234567890123456789012345678901234567890",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "8d969eef-6ecad3c2-9a3a6292-80e686cf",
        "secret_file=/run/secrets/db1/password2",
        "claude-3-5-sonnet-20241022 has a context of 200000 tokens: 1000000 is the limit",
        "[redacted: github-token]",
        "password=[redacted: assigned-secret]",
    ],
)
def test_placeholders_and_code_are_left_alone(text: str) -> None:
    assert redacted(text) == text


def test_redacting_twice_changes_nothing() -> None:
    said = "\n".join([*(f"{kind} token={before(kind)}{secret}" for kind, secret in TOKENS.items()), pem()])
    once = redacted(said)

    assert redacted(once) == once
    assert not any(secret in once for secret in TOKENS.values())


def test_the_samples_hold_no_secret_and_stay_as_they_are() -> None:
    texts = [path.read_text() for path in SAMPLES.rglob("*.jsonl")]

    assert len(texts) > 10
    assert [secret for text in texts for secret in find_secrets(text)] == []


@pytest.mark.parametrize("literal", sorted({literal for pattern in PATTERNS for literal in pattern.literals}))
def test_a_text_made_to_be_slow_is_read_in_time_that_grows_with_its_length(literal: str) -> None:
    # A quadratic search would take hours.
    unit = literal if literal[-1:] in "-_./ :" else f"{literal}-"
    find_secrets(unit * (300_000 // len(unit)))
    find_secrets((unit + "a0B1" * 20) * 5_000)


def test_every_text_in_a_json_value_is_looked_at_names_of_fields_too() -> None:
    value = {"a": [{"b": ("x", f"see {GITHUB}")}], GITHUB: 1, "password": "Kj8s72hKq9wLz", "n": 2**70, "none": None}
    kinds: list[str] = []
    found = redacted_json(value, kinds)

    assert found == {
        "a": [{"b": ["x", "see [redacted: github-token]"]}],
        "[redacted: github-token]": 1,
        "password": "[redacted: assigned-secret]",
        "n": 2**70,
        "none": None,
    }
    assert sorted(kinds) == ["assigned-secret", "github-token", "github-token"]
    assert GITHUB in json.dumps(value), "the value that was given is not changed"


def test_json_as_deep_as_it_likes_is_looked_at() -> None:
    value: object = GITHUB
    for _ in range(20_000):
        value = [value]
    kinds: list[str] = []
    redacted_json(value, kinds)

    assert kinds == ["github-token"]


def test_a_value_without_secrets_is_given_back_as_it_is() -> None:
    value = {"tokens": {"input": 12}, "text": string.ascii_letters}

    assert redacted_json(value, []) is value
