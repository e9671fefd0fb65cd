"""The measures of the voice report. A decorator registers a function; every module of this package is searched."""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from voicewright.core.documents.intervals import Figure
from voicewright.core.documents.voice_report import Better, Reference
from voicewright.stylometry.passages import Passage

if TYPE_CHECKING:
    from voicewright.metrics.material import Material

Need = Literal["english", "other_authors"]
"""What a measure needs of the author's text to mean anything.

english: text in English, because the measure reads it with lists of English words. other_authors: text that can be
compared with the statistics of other authors, which are of English prose.
"""
Range = tuple[float | None, float | None]
# The measures of these modules come first in a report, in this order; those of other modules follow by module name.
FIRST_MODULES = ("transfer", "diagnostics", "likelihoods", "markers", "diversity", "habits", "answers", "memorization")


@dataclass(frozen=True)
class MeasureValues:
    """What a measure of the whole report returns."""

    arms: dict[str, Figure]
    reference: Reference = field(default_factory=Reference)
    details: str = ""
    """Sentences that follow the docstring in the definition, where they depend on the run or on constants."""


PassageRate = Callable[[Passage], float]
ReportMeasure = Callable[["Material"], MeasureValues]
RateT = TypeVar("RateT", bound=PassageRate)
ReportT = TypeVar("ReportT", bound=ReportMeasure)


@dataclass(frozen=True)
class RegisteredMeasure:
    """A measure as its decorator declares it. Either `rate` or `values` is set."""

    name: str
    """Its key in voice.json."""
    title: str
    definition: str
    unit: str
    better: Better
    range: Range
    needs: frozenset[Need]
    module: str
    function: str
    rate: PassageRate | None = None
    values: ReportMeasure | None = None

    @property
    def source(self) -> str:
        """The dotted name of the function."""
        return f"{self.module}.{self.function}"


_REGISTERED: dict[str, RegisteredMeasure] = {}


@overload
def measure(
    *, name: str, title: str, unit: str, better: Better, range: Range = ..., needs: tuple[Need, ...] = ...
) -> Callable[[RateT], RateT]: ...


@overload
def measure(
    *,
    name: str,
    title: str,
    unit: str,
    better: Better,
    range: Range = ...,
    needs: tuple[Need, ...] = ...,
    per: Literal["report"],
) -> Callable[[ReportT], ReportT]: ...


def measure(
    *,
    name: str,
    title: str,
    unit: str,
    better: Better,
    range: Range = (0, None),
    needs: tuple[Need, ...] = (),
    per: Literal["passage", "report"] = "passage",
) -> Callable[[Any], Any]:
    """Register a function as a measure of the voice report; its docstring is the definition that readers see.

    `per="passage"`: the function takes a Passage and returns its rate, or NaN where the passage has none; the report
    shows the mean of every arm with its interval beside the author's. `per="report"`: the function takes the Material
    and returns MeasureValues. `better`: a higher value, a lower one, or one nearer the author's. `range`: the least and
    the greatest possible value. Raises ValueError for a function without a docstring, and for a name that another
    function has registered.
    """

    def register(function: Any) -> Any:
        registered = RegisteredMeasure(
            name,
            title,
            " ".join((inspect.getdoc(function) or "").split()),
            unit,
            better,
            range,
            frozenset(needs),
            function.__module__,
            function.__qualname__,
            **{"rate" if per == "passage" else "values": function},
        )
        if not registered.definition:
            raise ValueError(f"{registered.source}: a measure needs a docstring, which the report shows")
        earlier = _REGISTERED.get(name)
        if earlier and earlier.source != registered.source:
            raise ValueError(f"{registered.source}: measure {name!r} is registered by {earlier.source}")
        _REGISTERED[name] = registered
        return function

    return register


def passage_rates(module: str) -> dict[str, PassageRate]:
    """By name, the passage measures that a module has registered so far; `module` is its dotted name."""
    return {name: each.rate for name, each in _REGISTERED.items() if each.module == module and each.rate}


@functools.cache
def measures() -> dict[str, RegisteredMeasure]:
    """By name, all measures in the order of a report."""
    package = import_module(__name__.rpartition(".")[0])
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    names.sort(key=lambda name: (FIRST_MODULES.index(name) if name in FIRST_MODULES else len(FIRST_MODULES), name))
    modules = [f"{package.__name__}.{name}" for name in names]
    for module in modules:
        import_module(module)
    return {name: each for module in modules for name, each in _REGISTERED.items() if each.module == module}
