"""What secrets look like: a table of published patterns.

Each begins with a literal, so that one pass over a text (Aho-Corasick) says where to look, and the expression is tried
there only. ``origin`` names where the pattern was published: a rule of gitleaks' ``config/gitleaks.toml`` (MIT, 8.28),
a plugin of detect-secrets 1.5 (Apache-2.0), or the provider's own words. Lengths are lower bounds: providers made their
keys longer more than once. Upper bounds keep the time linear, whatever the text is.
"""

import re
from dataclasses import dataclass

# A letter before it means that it is the end of a word («task-», «risk-»), unless that letter is an escape's.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"


@dataclass(frozen=True, slots=True)
class Pattern:
    """``expression`` is matched where one of ``literals`` stands, and its group 1 (or all of it) is the secret."""

    kind: str
    literals: tuple[str, ...]
    expression: re.Pattern[str]
    origin: str


def _token(kind: str, literals: str, rest: str, origin: str) -> Pattern:
    starts = tuple(literals.split())
    either = "|".join(map(re.escape, starts))
    return Pattern(kind, starts, re.compile(f"{_START}(?:{either}){rest}"), origin)


TOKENS = (
    _token("anthropic-key", "sk-ant-", r"[a-z]{3,8}\d\d-[\w-]{40,512}", "gitleaks anthropic-api-key"),
    _token("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"[\w-]{40,512}", "gitleaks openai-api-key"),
    _token("openrouter-key", "sk-or-v1-", r"[0-9a-f]{48,512}", "openrouter.ai/docs/api-reference/authentication"),
    # OpenAI's older form, which DeepSeek, Moonshot and others have taken over.
    _token("api-key", "sk-", r"[A-Za-z0-9]{32,512}(?![\w-])", "detect-secrets openai"),
    _token("google-key", "AIza", r"[\w-]{35}(?![\w-])", "gitleaks gcp-api-key"),
    _token("google-token", "ya29.", r"[\w-]{30,512}", "developers.google.com/identity/protocols/oauth2"),
    _token("google-token", "GOCSPX-", r"[\w-]{28}", "developers.google.com/identity/protocols/oauth2"),
    _token("huggingface-token", "hf_", r"[A-Za-z0-9]{30,512}", "gitleaks huggingface-access-token"),
    _token("groq-key", "gsk_", r"[A-Za-z0-9]{40,512}", "console.groq.com/docs/quickstart"),
    _token("xai-key", "xai-", r"[A-Za-z0-9]{60,512}", "docs.x.ai/docs/tutorial"),
    _token("perplexity-key", "pplx-", r"[A-Za-z0-9]{40,512}", "gitleaks perplexity-api-key"),
    _token("replicate-token", "r8_", r"[A-Za-z0-9]{37}", "replicate.com/docs/reference/http"),
    _token("nvidia-key", "nvapi-", r"[\w-]{40,512}", "docs.api.nvidia.com"),
    _token("tavily-key", "tvly-", r"[\w-]{24,512}", "docs.tavily.com"),
    _token("langsmith-key", "lsv2_pt_ lsv2_sk_", r"[0-9a-f]{32}_[0-9a-f]{10}", "docs.smith.langchain.com"),
    _token(
        "github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,255}", "gitleaks github-pat, -oauth, -app-token"
    ),
    _token("github-token", "github_pat_", r"\w{60,255}", "gitleaks github-fine-grained-pat"),
    _token(
        "gitlab-token",
        "glpat- gldt- glptt- glrt- glcbt- gloas- glsoat- glagent-",
        r"[\w-]{20,512}",
        "gitleaks gitlab-pat",
    ),
    _token("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.", r"[\w.-]{20,512}", "gitleaks slack-bot-token"),
    _token("slack-token", "xapp-", r"\d-[A-Z0-9]+-\d+-[a-z0-9]{20,512}", "gitleaks slack-app-token"),
    _token("slack-webhook", "hooks.slack.com/", r"(?:services|workflows)/[A-Za-z0-9+/]{40,56}", "gitleaks"),
    _token("aws-key", "AKIA ASIA ABIA ACCA", r"[A-Z2-7]{16}(?![A-Za-z0-9])", "gitleaks aws-access-token"),
    _token("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[A-Za-z0-9]{16,512}", "gitleaks stripe-access-token"),
    _token("stripe-key", "whsec_", r"[A-Za-z0-9+/]{32,512}", "docs.stripe.com/webhooks"),
    _token("npm-token", "npm_", r"[A-Za-z0-9]{36}", "gitleaks npm-access-token"),
    _token("pypi-token", "pypi-AgE", r"[\w-]{50,512}", "gitleaks pypi-upload-token"),
    _token("sendgrid-key", "SG.", r"[\w-]{20,24}\.[\w-]{39,50}", "gitleaks sendgrid-api-token"),
    _token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{64}", "gitleaks digitalocean-pat"),
    _token("databricks-token", "dapi", r"[0-9a-f]{32}", "gitleaks databricks-api-token"),
    _token("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"[0-9a-fA-F]{32}", "gitleaks shopify-access-token"),
    _token("atlassian-token", "ATATT3", r"[\w=-]{100,512}", "gitleaks atlassian-api-token"),
    _token("vault-token", "hvs. hvb.", r"[\w-]{80,512}", "gitleaks vault-service-token"),
    _token("linear-key", "lin_api_", r"[A-Za-z0-9]{40}", "gitleaks linear-api-key"),
    _token("notion-token", "ntn_", r"[A-Za-z0-9]{40,512}", "gitleaks notion-api-token"),
    _token("postman-key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}", "gitleaks postman-api-token"),
    _token("supabase-key", "sbp_", r"[0-9a-f]{40}", "supabase.com/docs/guides/api"),
    _token("age-key", "AGE-SECRET-KEY-1", r"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "gitleaks age-secret-key"),
    _token("jwt", "eyJ", r"[\w-]{12,1024}+\.eyJ[\w-]{12,8192}+\.[\w-]{16,2048}", "gitleaks jwt; RFC 7519"),
    # The number before it is the bot's id, which everybody may know.
    Pattern("telegram-token", (":AA",), re.compile(r"(?<=\d):(AA[\w-]{32,33})(?![\w-])"), "gitleaks telegram-bot"),
    Pattern("azure-key", ("Q~",), re.compile(r"(?<=\d)Q~[\w~.-]{31,34}"), "gitleaks azure-ad-client-secret"),
)

BEARER = Pattern(
    "bearer-token",
    ("Bearer ", "bearer ", "BEARER ", "Basic ", "Token "),
    re.compile(r"(?:[Bb]earer|BEARER|Basic|Token) {1,3}([\w.~+/-]{16,4096}=*)"),
    "RFC 6750, section 2.1; gitleaks curl-auth-header",
)

URL_PASSWORD = Pattern(
    "url-password",
    ("://",),
    re.compile(r"://(?P<user>[^\s/:@\"'<>`\\]{0,128}):(?P<password>[^\s/@\"'<>`\\]{3,256})@(?=[\w\[])"),
    "detect-secrets basic_auth; RFC 3986, section 3.2.1",
)

# Up to its end; where that is missing (a copy that was cut off), as far as it looks like one.
PRIVATE_KEY = Pattern(
    "private-key",
    ("-----BEGIN",),
    re.compile(
        r"-----BEGIN[ A-Z0-9_-]{0,80}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]{0,20000}-----END[ A-Z0-9_-]{0,80}PRIVATE KEY(?: BLOCK)?-----|[\w+/=\s\\:,.-]{0,20000})"
    ),
    "gitleaks private-key; RFC 7468",
)


def _spellings(*words: str) -> tuple[str, ...]:
    """``api key`` as it stands in names: apikey, api_key, api-key, apiKey, and so on."""
    found = set()
    for word in words:
        parts = word.split()
        for joint in ("", "_", "-") if len(parts) > 1 else ("",):
            found |= {joint.join(parts), joint.join(parts).upper(), joint.join(part.title() for part in parts)}
        found.add(parts[0] + "".join(part.title() for part in parts[1:]))
    return tuple(sorted(found))


NAMES = _spellings(
    *("password", "passwd", "passphrase", "secret", "token", "credential"), *("api key", "access key", "account key")
)
"""What the name of something has in it that holds a secret."""

ASSIGNMENT = Pattern(
    "assigned-secret",
    NAMES,
    re.compile(
        rf"(?:{'|'.join(NAMES)})[\w.-]{{0,30}}"
        r"\\*[\"'`]?\]?[ \t]{0,3}(?:=>|:=|[=:])[ \t]{0,5}\\*[\"'`]?"
        r"([\w+/.~!#%^&*@-]{8,256}={0,2})(?![(\[{<$])"
    ),
    "gitleaks generic-api-key; detect-secrets keyword",
)

PATTERNS = (*TOKENS, PRIVATE_KEY, BEARER, URL_PASSWORD, ASSIGNMENT)
"""The more a pattern says, the earlier it comes: of several that match, the first names the secret."""
