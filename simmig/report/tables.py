"""The tables and key numbers of the report, as text ready to be set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.metrics import column, present_s, weighted_mean
from simmig.records import Outcome
from simmig.report.drawing import OUTCOMES, Key
from simmig.report.figures import PARTS
from simmig.report.numbers import NOTHING, duration, number, percent, shorten

if TYPE_CHECKING:
    import pandas as pd

_RSUS = 20  # rows of the table of RSUs
_HZ_S_PER_MHZ_S = 1e6
_BIT_PER_GBIT = 1e9
_STATISTICS = ("n", "mean", "sd", "median", "p95", "p99", "max")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the first column names the row, the others hold numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One key number with its name and what helps to read it."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One outcome: how many requests ended so, and their share as a width."""

    key: Key
    count: str
    share: str
    width_percent: float


def key_facts(summary: dict[str, Any]) -> list[Fact]:
    """Return the numbers that a reader wants first; what was not measured is left out."""
    total, interruption, qoe = summary["delay_s"]["total"], summary["interruption"], summary["qoe"]
    market, transfer = summary["market"], summary["transfer"]
    price, loss = market["price"], qoe["immersion_loss_per_migration"]["mean"]
    facts = [
        Fact("migration requests", number(summary["requests"]), f"by {number(summary['vehicles'])} vehicles"),
        Fact(
            "completed in time",
            percent(summary["on_time_share"]),
            f"{percent(summary['served_share'])} with late ones",
        ),
        Fact("median total delay", duration(total["median"]), f"95 % within {duration(total['p95'])}"),
        Fact(
            "median interruption",
            duration(interruption["per_migration_s"]["median"]),
            f"{percent(interruption['share_of_presence'])} of the vehicles' time",
        ),
        Fact(
            "mean immersion",
            number(qoe["immersion_mean"], 3),
            f"a migration loses {number(loss, 3)} (immersion × s)",
        ),
        Fact("time inside some zone", percent(summary["coverage"]["share"]), f"{number(summary['rsus'])} RSUs"),
        Fact("sent", _gigabit(transfer["sent_bit"]), _wasted(transfer)),
        Fact(
            "mean price by demand",
            number(price["demand_weighted_mean"], 3),
            f"{number(price['min'], 3)} to {number(price['max'], 3)}, {number(market['rounds'])} rounds",
        ),
    ]
    return [fact for fact in facts if fact.value != NOTHING]


def _gigabit(size_bit: float) -> str:
    return f"{number(size_bit / _BIT_PER_GBIT, 3)} Gbit" if size_bit else NOTHING


def _wasted(transfer: dict[str, Any]) -> str:
    if not transfer["sent_bit"]:
        return ""
    return f"{percent(1.0 - transfer['delivered_bit'] / transfer['sent_bit'])} of it to no avail"


def outcome_bars(summary: dict[str, Any]) -> list[Bar]:
    """Return one bar for each outcome, those that never happened included."""
    requests, bars = summary["requests"], []
    for outcome, look in OUTCOMES.items():
        count = summary["outcomes"][outcome.label]
        share = count / requests if requests else 0.0
        key = Key(_plain(outcome), look.colour, look.sign)
        bars.append(Bar(key, number(count), percent(share) if requests else NOTHING, 100 * share))
    return bars


def _plain(outcome: Outcome) -> str:
    return outcome.label.replace("_", " ")


def delay_table(summary: dict[str, Any]) -> Table:
    """Return the statistics of every part of the delay."""
    names = {name: label for name, (label, _) in PARTS.items()}
    names |= {
        "paper": "transfer + queue + re-instantiation",
        "formula": "the same by the papers' formula",
        "measured_minus_formula": "measured − formula",
        "total": "total: request to running twin",
    }
    if not summary["delay_s"]["other"]["max"]:
        del names["other"]
    rows = [(label, *_statistics(summary["delay_s"][name])) for name, label in names.items()]
    note = "Seconds. sd: standard deviation of the sample; p95, p99: quantiles, linear between order statistics."
    return Table(("part", *_STATISTICS), rows, note)


def _statistics(found: dict[str, Any]) -> list[str]:
    # Times are whole nanoseconds: what is less is a rounding.
    return [number(None if found[key] is None else round(found[key], 9)) for key in _STATISTICS]


def experience_table(summary: dict[str, Any]) -> Table:
    """Return the statistics of interruptions and immersion."""
    qoe = summary["qoe"]
    rows = [
        ("interruption per migration (s)", *_statistics(summary["interruption"]["per_migration_s"])),
        ("immersion loss per migration (immersion × s)", *_statistics(qoe["immersion_loss_per_migration"])),
        ("mean immersion per vehicle", *_statistics(qoe["immersion_per_vehicle"])),
    ]
    note = "Immersion loss: the immersion before the copy times the seconds without service."
    return Table(("", *_STATISTICS), rows, note)


def market_table(summary: dict[str, Any]) -> Table:
    """Return sales, utilities and gaps of the market."""
    market = summary["market"]
    rows = [
        ("rounds", number(market["rounds"])),
        ("price, mean weighted by demand", number(market["price"]["demand_weighted_mean"])),
        ("price, lowest to highest", f"{number(market['price']['min'])} to {number(market['price']['max'])}"),
        ("bandwidth sold per round (MHz)", number(_scaled(market["demand_hz_per_round"], 1e6))),
        ("paid for completed migrations", number(market["payment"])),
        ("utility of all leaders per round", number(market["leader_utility_per_round"])),
        ("utility of all followers per round", number(market["follower_utility_per_round"])),
    ]
    for side in ("leader", "follower"):
        gap = market[f"{side}_gap"]
        rows.append((f"{side}s: largest gap, absolute", number(gap["max"], 3)))
        rows.append((f"{side}s: largest gap, relative", number(gap["relative_max"], 3)))
        rows.append((f"{side}s: 99 % of the relative gaps below", number(gap["relative_p99"], 3)))
        rows.append((f"{side}s: relative gaps below 10⁻⁶", percent(gap["share_below_1e_6"])))
    if market["converged_share"] is not None:
        rows.append(("rounds whose solver converged", percent(market["converged_share"])))
    return Table(("market", "value"), rows)


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def rsu_table(rsus: pd.DataFrame) -> Table:
    """Return the RSUs that took in most twins."""
    taken = rsus["twins_in"].to_numpy()
    order = np.argsort(-taken, kind="stable")[:_RSUS]
    top = rsus.iloc[order]
    rows = [
        (
            shorten(str(row.rsu), 40),
            number(int(row.twins_in)),
            number(int(row.twins_out)),
            number(float(row.sold_hz_s) / _HZ_S_PER_MHZ_S),
            number(float(row.revenue)),
            duration(float(row.down_s)),
        )
        for row in top.itertuples()
    ]
    note = "" if len(rsus) <= _RSUS else f"The {_RSUS} that took in most twins, of {number(len(rsus))}."
    head = ("RSU", "twins in", "twins out", "bandwidth in use (MHz s)", "revenue", "down")
    return Table(head, rows, note)


def fleet_table(tables: dict[str, pd.DataFrame], simulated_s: float) -> Table:
    """Return one row for each fleet."""
    vehicles = tables["vehicles"]
    rows = []
    for name, fleet in vehicles.groupby("fleet", observed=True, sort=False):
        here_s = present_s(fleet, simulated_s)
        hours = float(here_s.sum()) / 3600.0
        interrupted_s = float(column(fleet, "interruption_s").sum())
        rows.append(
            (
                f"{shorten(str(name), 40)} ({fleet['kind'].iloc[0]})",
                number(len(fleet)),
                number(float(column(fleet, "distance_m").sum()) / 1000.0),
                number(int(fleet["requests"].sum())),
                number(int(fleet["completed"].sum())),
                number(interrupted_s / hours if hours else None, 3),
                number(weighted_mean(column(fleet, "immersion_mean"), here_s), 3),
                number(float(column(fleet, "payment").sum())),
            )
        )
    head = (
        "fleet",
        "vehicles",
        "km",
        "requests",
        "completed",
        "interruption (s/h)",
        "mean immersion",
        "paid",
    )
    return Table(
        head,
        rows,
        "Completed counts late ones too. Interruption: seconds in each hour that a vehicle is there.",
    )
