"""Languages are recognised, also in short texts; code is code; where nothing can be told it is English."""

import pytest

from aethergrid_pipelines.transform.features import take_apart
from aethergrid_pipelines.transform.language import language


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("en", "The deploy failed because the pod ran out of memory."),
        ("en", "thanks!"),
        ("en", "yes"),
        ("en", "LGTM"),
        ("en", "can you help me fix this?"),
        ("en", "Kubernetes ingress TLS cert-manager"),
        ("en", ""),
        ("en", "42"),
        ("de", "Kannst du mir bitte erklären, wie das funktioniert?"),
        ("de", "Der Server startet nicht mehr."),
        ("fr", "Comment puis-je annuler mon dernier commit ?"),
        ("es", "¿Puedes ayudarme con esta receta?"),
        ("it", "Come posso migliorare le prestazioni di questa query?"),
        ("pt", "Preciso de ajuda para escrever um e-mail ao cliente."),
        ("nl", "Kun je dit voor me samenvatten?"),
        ("pl", "Jak mogę naprawić ten błąd?"),
        ("cs", "Můžeš mi vysvětlit, jak to funguje?"),
        ("sv", "Kan du förklara hur det här fungerar?"),
        ("fi", "Voitko auttaa minua tämän kanssa?"),
        ("tr", "Bu hatayı nasıl düzeltebilirim?"),
        ("vi", "Làm thế nào để sửa lỗi này?"),
        ("ru", "Почему тест падает только в CI?"),
        ("uk", "Чому тест падає лише в CI?"),
        ("el", "Πώς μπορώ να το διορθώσω;"),
        ("he", "איך אני מתקן את השגיאה הזאת?"),
        ("ar", "كيف يمكنني تحسين سيرتي الذاتية؟"),
        ("hi", "मुझे यह समझाओ कि यह कैसे काम करता है"),
        ("zh", "这个函数为什么返回空值？"),
        ("ja", "このエラーの原因を教えてください。"),
        ("ko", "이 코드를 설명해 주세요."),
    ],
)
def test_prose_has_its_language(expected: str, text: str) -> None:
    assert language(take_apart(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x + 1",
        "```\nplain text in a fence\n```",
        "Here:\n```sql\nSELECT 1;\n```",
        '#!/bin/sh\nset -e\nfor f in *; do\n  gzip "$f"\ndone',
    ],
)
def test_text_that_is_hardly_anything_else_is_code(text: str) -> None:
    assert language(take_apart(text)) == "code"


def test_prose_around_code_has_its_language() -> None:
    text = "Dieser Block liest die Datei ein und gibt die Zeilen zurück:\n```python\n" + "x = 1\n" * 50 + "```"
    assert language(take_apart(text)) == "de"
