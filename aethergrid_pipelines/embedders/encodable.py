"""Text that every tokenizer accepts."""


def encodable(text: str) -> str:
    """``text`` with lone surrogates, which UTF-8 cannot hold, replaced one for one, so that offsets stay right."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text
