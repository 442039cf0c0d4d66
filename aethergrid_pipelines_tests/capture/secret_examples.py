"""Secrets of every form, made anew at each run: they open nothing, and none of them stands in this project."""

import random
import string

LETTERS_DIGITS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def made(size: int, alphabet: str = LETTERS_DIGITS, *, seed: int = 7) -> str:
    """Random characters, the same at each run."""
    chosen = random.Random(f"{size}/{alphabet}/{seed}")
    return "".join(chosen.choice(alphabet) for _ in range(size))


def pem(kind: str = "RSA ") -> str:
    """A private key block."""
    lines = "\n".join(made(64, seed=number) for number in range(6))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


GITHUB = "ghp_" + made(36)

TOKENS = {
    "anthropic-key": "sk-ant-api03-" + made(93) + "AA",
    "openai-key": "sk-proj-" + made(80),
    "openrouter-key": "sk-or-v1-" + made(64, HEX),
    "api-key": "sk-" + made(48),
    "google-key": "AIza" + made(35),
    "google-token": "ya29." + made(60),
    "huggingface-token": "hf_" + made(34),
    "groq-key": "gsk_" + made(52),
    "github-token": GITHUB,
    "gitlab-token": "glpat-" + made(20),
    "slack-token": f"xoxb-{made(12, string.digits)}-{made(12, string.digits)}-{made(24)}",
    "aws-key": "AKIA" + made(16, string.ascii_uppercase + "234567"),
    "stripe-key": "sk_live_" + made(24),
    "npm-token": "npm_" + made(36),
    "pypi-token": "pypi-AgE" + made(80),
    "sendgrid-key": f"SG.{made(22)}.{made(43)}",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJ{made(40)}.{made(43)}",
    "telegram-token": "AA" + made(33),
}
"""A secret of each form, by its kind."""
