"""What tokens would have cost by a list of prices: an estimate, never mixed with what is reported.

| model                                               | price                              |
| --------------------------------------------------- | ---------------------------------- |
| ``claude-opus-4-5``, ``anthropic/claude-opus-4.5``  | of ``claude-opus-4.5``             |
| ``claude-opus-4-5-20251101``, ``gpt-5-2025-08-07``  | without the date                   |
| ``gpt-5-turbo-preview``, no model                   | none: a price is never guessed     |

Sums are of whole picodollars, so that they do not depend on the order in which they are added.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from marshmallow import post_load

from lethe_core.settings import Items, Number, Section, Settings, Table, Text, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lethe_server.storage.statistics import Use

#: Models without a price that an answer names.
MAX_UNPRICED: Final = 100

#: Parts of a dollar; prices are of a million tokens.
_PICO: Final = 10**12
_PER_TOKEN: Final = 10**6
#: The dearest price that is taken for none that was mistyped.
_MAX_PRICE: Final = 10_000

_DATE: Final = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


class Price(NamedTuple):
    """Of a token of each kind, in picodollars."""

    input: int
    output: int
    cache_read: int
    cache_write: int


class Source(NamedTuple):
    """Where prices come from, and of when they are."""

    source: str
    as_of: str


class Estimates(NamedTuple):
    """What is estimated of some groups of turns.

    Args:
        costs: in US dollars, by the values of a group; of those alone that have a price.
        total: of all groups; `None` if no model has a price.
        sources: of the prices that were used.
        unpriced: models that used tokens and have no price; `None` for turns that name no model.
    """

    costs: dict[tuple[str | None, ...], float]
    total: float | None
    sources: list[Source]
    unpriced: list[str | None]


class PriceList:
    """Prices of models, by name.

    Args:
        prices: with their source; names as `_plain` makes them.
    """

    def __init__(self, prices: dict[str, tuple[Price, Source]]) -> None:
        self._prices = prices

    def find(self, model: str) -> tuple[Price, Source] | None:
        """Return the price of a model and its source, or `None`.

        Args:
            model: as a tool names it.
        """
        name = _plain(model)
        return self._prices.get(name) or self._prices.get(_DATE.sub("", name))

    def estimate(self, uses: Iterable[Use]) -> Estimates:
        """Add up what tokens would have cost.

        Args:
            uses: of tokens, by group and model.
        """
        costs: dict[tuple[str | None, ...], int] = {}
        sources: set[Source] = set()
        unpriced: set[str | None] = set()
        for use in uses:
            found = self.find(use.model) if use.model else None
            if found is None:
                unpriced.add(use.model)
                continue
            price, source = found
            cost = sum(each * tokens for each, tokens in zip(price, use.tokens, strict=True))
            costs[use.values] = costs.get(use.values, 0) + cost
            sources.add(source)
        return Estimates(
            {values: _dollars(cost) for values, cost in costs.items()},
            _dollars(sum(costs.values())) if costs else None,
            sorted(sources),
            sorted(unpriced, key=lambda model: model or "")[:MAX_UNPRICED],
        )


class _PriceSettings(Settings):
    """Of a million tokens, in US dollars."""

    input = Number(0, _MAX_PRICE, required=True)
    output = Number(0, _MAX_PRICE, required=True)
    cache_read = Number(0, _MAX_PRICE, load_default=None)
    cache_write = Number(0, _MAX_PRICE, load_default=None)

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Price:
        """What has no price in the cache costs what it costs without one."""
        kinds = (data[name] if data[name] is not None else data["input"] for name in Price._fields)
        return Price(*(round(price * _PICO / _PER_TOKEN) for price in kinds))


class _ListSettings(Settings):
    source = Text(required=True)
    as_of = Text(required=True)
    models = Table(keys=Text(), values=Section(_PriceSettings), required=True)


class _PricesSettings(Settings):
    lists = Items(Section(_ListSettings), required=True)


def load_prices(path: Path | None = None) -> PriceList:
    """Load a list of prices.

    Args:
        path: of a file in the form of `prices.yaml`; if `None`, of `prices.yaml` itself.

    Raises:
        ConfigInvalid: in one line: the place, the key and what is allowed.
    """
    with resources.as_file(resources.files(__package__) / "prices.yaml") as shipped:
        loaded = load_settings(_PricesSettings(), path=path or shipped, env_prefix="", environ={})
    return PriceList(
        {
            _plain(model): (price, Source(each["source"], each["as_of"]))
            for each in loaded["lists"]
            for model, price in each["models"].items()
        }
    )


def _plain(model: str) -> str:
    return model.rpartition("/")[2].lower().replace(".", "-")


def _dollars(cost: int) -> float:
    return cost / _PICO
