"""The six steps in flow order."""

from aethergrid_pipelines.flow.chunk import ChunkStep
from aethergrid_pipelines.flow.clean import CleanStep
from aethergrid_pipelines.flow.embed import EmbedStep
from aethergrid_pipelines.flow.fragments import FragmentStep
from aethergrid_pipelines.flow.raw import RawStep
from aethergrid_pipelines.flow.step import Step
from aethergrid_pipelines.flow.topics import TopicStep

CHAIN: tuple[Step, ...] = (RawStep(), CleanStep(), ChunkStep(), EmbedStep(), FragmentStep(), TopicStep())

STEPS: dict[str, Step] = {step.name: step for step in CHAIN}
