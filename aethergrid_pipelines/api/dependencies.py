"""What routes ask for."""

from typing import Annotated

from fastapi import Depends, Request

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.api.jobs import Jobs
from aethergrid_pipelines.query.answering import Answerer
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.conversations import ConversationStore


async def components(request: Request) -> Components:
    """The components of the running application."""
    found: Components = request.app.state.components
    return found


ComponentsDep = Annotated[Components, Depends(components)]


async def jobs(request: Request) -> Jobs:
    """What was taken in since the application started."""
    found: Jobs = request.app.state.jobs
    return found


async def settings(opened: ComponentsDep) -> Settings:
    return opened.settings


def search(opened: ComponentsDep) -> Search:
    return opened.search


def packer(opened: ComponentsDep) -> Packer:
    return opened.packer


def answerer(opened: ComponentsDep) -> Answerer:
    return opened.answerer


def catalog(opened: ComponentsDep) -> Catalog:
    return opened.catalog


def conversations(opened: ComponentsDep) -> ConversationStore:
    return opened.conversations


JobsDep = Annotated[Jobs, Depends(jobs)]
SettingsDep = Annotated[Settings, Depends(settings)]
SearchDep = Annotated[Search, Depends(search)]
PackerDep = Annotated[Packer, Depends(packer)]
AnswererDep = Annotated[Answerer, Depends(answerer)]
CatalogDep = Annotated[Catalog, Depends(catalog)]
ConversationsDep = Annotated[ConversationStore, Depends(conversations)]
