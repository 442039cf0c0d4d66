"""The tools: what a model may ask of the memory. Their descriptions and those of their arguments are what it reads."""

from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from aethergrid_pipelines.mcp_server.answers import (
    ContextPack,
    ConversationPart,
    MemoryStats,
    Passage,
    Passages,
    Remembered,
)
from aethergrid_pipelines.mcp_server.arguments import (
    Counting,
    Day,
    Inside,
    Myself,
    Near,
    Note,
    SaidBy,
    Speaker,
    Title,
    Together,
    Tokens,
    Topic,
)
from aethergrid_pipelines.mcp_server.budget import fitting
from aethergrid_pipelines.mcp_server.context_pack import context_pack
from aethergrid_pipelines.mcp_server.conversation_pages import conversation_page
from aethergrid_pipelines.mcp_server.memory_stats import memory_stats
from aethergrid_pipelines.mcp_server.remembering import Indexing, remember_note
from aethergrid_pipelines.mcp_server.text import (
    context_text,
    conversation_text,
    passage_text,
    passages_text,
    remembered_text,
    short_source,
    stats_text,
)
from aethergrid_pipelines.query.pack_records import PackRequest
from aethergrid_pipelines.query.records import Hit, SearchRequest, SearchResponse
from aethergrid_pipelines.query.token_counts import TokenCounts

if TYPE_CHECKING:
    from aethergrid_pipelines.api.components import Components


class Tools:
    """Each public method is a tool. ``index`` makes a note searchable at once, where this process may do that."""

    def __init__(self, components: "Components", index: Indexing | None = None) -> None:
        self._components = components
        self._index = index
        self._counts = TokenCounts()

    def search_memory(
        self,
        query: Annotated[str, Field(description="What you look for: a question, or the words that were used")],
        *,
        max_results: Annotated[int, Field(ge=1, le=50)] = 8,
        after: Day = None,
        before: Day = None,
        model: SaidBy = None,
        topic: Topic = None,
        conversation_id: Inside = None,
        max_tokens: Tokens = 3_000,
    ) -> Annotated[CallToolResult, Passages]:
        """Find what was said in earlier conversations with any AI model: decisions, reasons, fixes, preferences, facts.

        Best passages first, each with who said it, when and where. Use it before you ask the user for something
        that they may have told before.
        """
        given = {"after": after, "before": before, "source_models": model, "topics": topic}
        given["conversation_ids"] = conversation_id
        filters = {name: value for name, value in given.items() if value is not None}
        request = SearchRequest.model_validate({"query": query, "filters": filters, "max_results": max_results})
        response = SearchResponse.model_validate_json(self._components.answers.answer(request).body)
        found = [_passage(hit) for hit in response.results]
        results = fitting(found, max_tokens, as_text=passage_text)
        answer = Passages(results=results, left_out=len(found) - len(results), hint=response.hint)
        return _result(answer, passages_text(answer))

    def get_context(
        self,
        task: Annotated[str, Field(description="What you are about to do, in a sentence or two")],
        *,
        after: Day = None,
        before: Day = None,
        model: Counting = None,
        max_tokens: Tokens = 2_000,
    ) -> Annotated[CallToolResult, ContextPack]:
        """Get what the memory knows for a task, as one text: passages grown to whole thoughts, nothing twice.

        Call it once when a task begins; search_memory answers single questions.
        """
        filters = {name: value for name, value in (("after", after), ("before", before)) if value is not None}
        given = {"task": task, "filters": filters, "model": model, "token_budget": max_tokens, "numbered": True}
        answer = context_pack(self._components.packer, self._counts, PackRequest.model_validate(given))
        return _result(answer, context_text(answer))

    def get_conversation(
        self,
        conversation_id: Annotated[str, Field(description="The conversation_id of a result")],
        *,
        message_id: Near = None,
        offset: Annotated[int, Field(ge=0, description="Skip so many messages; next_offset of an answer")] = 0,
        max_tokens: Tokens = 6_000,
    ) -> Annotated[CallToolResult, ConversationPart]:
        """Read a conversation as it was captured, message by message; in parts where it is long."""
        part = conversation_page(
            self._components.conversations,
            conversation_id,
            space=self._components.settings.space,
            max_tokens=max_tokens,
            offset=offset,
            message_id=message_id,
        )
        return _result(part, conversation_text(part))

    def remember(
        self,
        content: Note,
        *,
        title: Title = None,
        conversation: Together = None,
        said_by: Speaker = "assistant",
        model: Myself = None,
    ) -> Annotated[CallToolResult, Remembered]:
        """Keep something for later conversations, with any model: a decision and its reason, a fix, a preference.

        The same note again changes nothing. Conversations that AetherGrid captures need no notes of what was said.
        """
        done = remember_note(
            self._components,
            content,
            title=title,
            conversation=conversation,
            role=said_by,
            model=model if said_by == "assistant" else None,
            index=self._index,
        )
        return _result(done, remembered_text(done))

    def stats(self) -> Annotated[CallToolResult, MemoryStats]:
        """What the memory holds: how much, of which days, and the models, topics and task types to filter by."""
        found = memory_stats(self._components.catalog, self._components.settings)
        return _result(found, stats_text(found))


def _result(answer: BaseModel, text: str) -> CallToolResult:
    content = [TextContent(type="text", text=text)]
    return CallToolResult(content=list(content), structured_content=answer.model_dump(mode="json"))


def _passage(hit: Hit) -> Passage:
    about, lineage = hit.metadata, hit.lineage
    return Passage(
        content=hit.content,
        said_by=" · ".join(name for name in (about.role, about.source_model, about.speaker) if name),
        said_at=about.timestamp,
        title=about.title,
        similarity=round(hit.similarity, 2),
        conversation_id=lineage.conversation_id,
        message_id=lineage.message_id,
        source=short_source(lineage.origin_path, lineage.origin_line),
    )
