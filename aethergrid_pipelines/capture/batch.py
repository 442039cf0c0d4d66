"""Messages on their way into the conversation store, in batches of bounded size."""

from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import MAX_MESSAGE_BYTES, Appended, ConversationStore, MessagesTooLarge

MAX_MESSAGES = 1_000
MAX_BYTES = 8 * 1024 * 1024

TOO_LARGE = f"a message of more than {MAX_MESSAGE_BYTES // 1_000_000} MB"


class Batch:
    """Collects messages by conversation. It is full at a thousand messages or about 8 MB."""

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}
        self._messages: dict[str, list[Message]] = {}
        self._ids: set[str] = set()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def full(self) -> bool:
        """Whether it is time to append."""
        return len(self._ids) >= MAX_MESSAGES or self._bytes >= MAX_BYTES

    def holds(self, message_id: str) -> bool:
        """Whether a message of this id waits already: a second one belongs into the next batch."""
        return message_id in self._ids

    def add(self, conversation: Conversation, message: Message, size: int) -> None:
        """Take a message of about ``size`` characters; the last title that is set is its conversation's."""
        identifier = conversation.id
        if conversation.title is not None or identifier not in self._conversations:
            self._conversations[identifier] = conversation
        self._messages.setdefault(identifier, []).append(message)
        self._ids.add(message.id)
        self._bytes += size

    def append_to(self, store: ConversationStore) -> list[tuple[Message, Appended | None]]:
        """Append everything and be empty again; the result goes conversation by conversation, in the order of their
        first messages. ``None`` for a message that is too large (:data:`TOO_LARGE`).

        Raises ``StoreUnavailable``; the batch then stays as it is.
        """
        pairs = [(self._conversations[key], messages) for key, messages in self._messages.items()]
        outcomes: list[list[Appended | None]]
        try:
            outcomes = [list(group) for group in store.append(pairs)]
        except MessagesTooLarge as error:
            outcomes = error.outcomes
        self._conversations, self._messages = {}, {}
        self._ids, self._bytes = set(), 0
        return [
            pair for (_, sent), became in zip(pairs, outcomes, strict=True) for pair in zip(sent, became, strict=True)
        ]
