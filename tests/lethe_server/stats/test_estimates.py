"""What tokens would have cost: by which prices, and never mixed with what was reported."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from lethe_core.errors import ConfigInvalid
from lethe_server.stats.prices import load_prices
from lethe_server.storage.statistics import Use

PRICES = """\
lists:
  - source: the maker
    as_of: "2026-01-02"
    models:
      m1: {input: 2, output: 10, cache_read: 0.5, cache_write: 4}
      other-1.5: {input: 1, output: 1}
"""


@pytest.fixture
def written(tmp_path):
    """Write a list of prices and return its path."""

    def write(text):
        path = tmp_path / "prices.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
async def priced(make_archive, written):
    """A server with a list of prices of its own."""
    return await make_archive(PRICES=str(written(PRICES)))


def reply(event, number, model, **tokens):
    """An answer of a model."""
    usage = {"key": f"reply-{number}", **tokens}
    return event(number, role="assistant", model=model, usage=usage)


async def test_estimate_is_tokens_by_price(priced, event):
    """Each kind of token has its price; what has none in the cache costs what input costs."""
    every = {"input": 1_000_000, "output": 100_000, "cache_read": 200_000, "cache_write": 10_000}
    await priced.send(
        reply(event, 1, "m1", **every, reasoning=50_000),
        reply(event, 2, "other-1.5", cache_read=3),
        event(3),
    )

    answer = await priced.get("/stats", group_by="model")

    found = {each["model"]: each["cost_estimate_usd"] for each in answer["groups"]}
    assert {"m1": 2 + 1 + 0.1 + 0.04, "other-1.5": 3e-6, None: None} == found
    assert 3.140003 == answer["totals"]["cost_estimate_usd"]
    assert answer["estimate"] == {
        "sources": [{"source": "the maker", "as_of": "2026-01-02"}],
        "unpriced": [],
    }


async def test_estimate_and_report_are_never_mixed(priced, event):
    """What a tool reports is not in the estimate, and the estimate fills no gap of the reports."""
    await priced.send(
        reply(event, 1, "m1", output=100_000) | {"cost_usd": 7.0},
        reply(event, 2, "m1", output=100_000) | {"tool": "codex"},
    )

    answer = await priced.get("/stats", group_by="tool")

    found = [(each["cost_usd"], each["cost_estimate_usd"]) for each in answer["groups"]]
    assert [(7.0, 1.0), (None, 1.0)] == found
    totals = answer["totals"]
    assert (7.0, 2.0) == (totals["cost_usd"], totals["cost_estimate_usd"])


async def test_models_without_a_price_are_named(priced, event):
    """They are in no estimate; turns with tokens and no model are named as null."""
    await priced.send(
        reply(event, 1, "m1-mini", output=5), reply(event, 2, None, output=5), event(3)
    )

    answer = await priced.get("/stats")

    assert answer["totals"]["cost_estimate_usd"] is None
    assert answer["estimate"] == {"sources": [], "unpriced": [None, "m1-mini"]}


async def test_shared_replies_are_estimated_once(priced, event):
    """A fork repeats its replies and costs nothing for them; filters and days cut as elsewhere."""
    first = reply(event, 1, "m1", output=100_000)
    await priced.send(first, first | {"session_id": "fork", "timestamp": 1_700_100_000.0})

    answer = await priced.get("/stats", group_by="day,role")
    later = await priced.get("/stats", since="1700050000")

    assert 1.0 == answer["totals"]["cost_estimate_usd"]
    assert [1.0, None] == [each["cost_estimate_usd"] for each in answer["groups"]]
    assert later["totals"]["cost_estimate_usd"] is None


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("claude-opus-4-5", 25),
        ("claude-opus-4-5-20251101", 25),
        ("claude-opus-4-20250514", 75),
        ("anthropic/claude-sonnet-4.5", 15),
        ("claude-sonnet-4@20250514", 15),
        ("Claude-Haiku-4-5-latest", 5),
        ("gpt-5-2025-08-07", 10),
        ("gpt-5-codex", 10),
        ("gemini-2.5-pro", 10),
    ],
)
def test_shipped_prices_are_found_by_name(model, output):
    """A maker before a slash, a date behind, dots and capitals make no difference."""
    price, source = load_prices().find(model)

    assert output * 1_000_000 == price.output
    assert source.as_of.startswith("2026-")


@pytest.mark.parametrize("model", ["gpt-5-turbo", "claude", "gpt-5-2025", "<synthetic>", ""])
def test_a_price_is_never_guessed(model):
    """Another name is another model."""
    assert load_prices().find(model) is None


def test_every_shipped_price_is_plausible(repository):
    """Output costs more than input, the cache less to read and not less to write."""
    path = repository / "lethe_server/src/lethe_server/stats/prices.yaml"
    document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    names = [name for each in document["lists"] for name in each["models"]]
    prices = load_prices()

    assert len(names) == len(set(names))
    for name in names:
        price, _ = prices.find(name)
        assert price.cache_read < price.input <= price.cache_write < price.output, name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PRICES.replace("output: 10", "output: -1"), "out of range"),
        (PRICES.replace("output: 10", "output: ten"), "must be a number"),
        (PRICES.replace("output: 10,", ""), "output"),
        (PRICES.replace("as_of", "asof"), "asof"),
        (PRICES.replace('"2026-01-02"', "2026-01-02"), "text"),
        ("lists: 1\n", "must be a list"),
        ("x: 1\n", "lists"),
    ],
)
def test_a_wrong_list_is_told_in_one_line(written, text, told):
    """A list that the operator has written is refused with its place and key."""
    path = written(text)

    with pytest.raises(ConfigInvalid) as raised:
        load_prices(path)

    assert raised.value.message.startswith(f"{path}:")
    assert told in raised.value.message
    assert "\n" not in raised.value.message


def test_many_unpriced_models_are_cut():
    """A hostile archive does not make the answer endless."""
    uses = [Use((), f"model-{number:04}", (1, 0, 0, 0)) for number in range(500)]

    assert 100 == len(load_prices().estimate(uses).unpriced)
