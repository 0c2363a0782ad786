"""The state of a run at one instant, straight from its tables: where twins are, queues, prices, figures so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.metrics import column, is_done
from simmig.view.marks import MarkKind, codes, make_marks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of a run with V vehicles and J RSUs at `time_s`; what happens at that very instant has happened.

    host[V]: where each twin runs, -1 where none does. asks[V]: whether a request is open whose copy has not started;
    moves[V]: whether the twin is copied, waits, or is re-instantiated. open_moves[K]: rows of the migrations whose
    copy is under way, share[K] of its time. hosted[J], waiting[J], serving[J]: twins that run, wait, are
    re-instantiated. price[J]: of the last round, NaN before. is_down[J]. requests, done: how many so far;
    mean_delay_s of those done, NaN without any.
    """

    time_s: float
    host: IntArray
    asks: BoolArray
    moves: BoolArray
    open_moves: IntArray
    share: FloatArray
    hosted: IntArray
    waiting: IntArray
    serving: IntArray
    price: FloatArray
    is_down: BoolArray
    requests: int
    done: int
    mean_delay_s: float


class Moments:
    """The moments of one run: what all of them need, looked up once."""

    def __init__(self, tables: dict[str, pd.DataFrame]) -> None:
        """Take the tables of a run folder, migrations in order of their number."""
        migrations, rounds, rsu = tables["migrations"], tables["rounds"], tables["rsus"]["rsu"]
        self._rsus = len(rsu)
        self._vehicle = codes(migrations["vehicle"], tables["vehicles"]["vehicle"])
        self._source, self._target = codes(migrations["source"], rsu), codes(migrations["target"], rsu)
        names = ("requested", "transfer_start", "transfer_end", "queued", "service_start", "ended")
        self._at_s = {name: column(migrations, f"{name}_s") for name in names}
        self._delay_s, self._is_done = column(migrations, "total_delay_s"), is_done(migrations)
        self._round_s, self._round_rsu = column(rounds, "time_s"), codes(rounds["rsu"], rsu)
        self._price = column(rounds, "price")
        self._marks = make_marks(tables)
        self._fault_step = np.zeros(len(self._marks.fault_s), dtype=np.int64)
        for kind, step in ((MarkKind.DOWN, 1), (MarkKind.UP, -1)):
            self._fault_step[self._marks.subject[self._marks.kind == kind]] = step

    def at(self, time_s: float) -> Moment:
        """Return the state at `time_s`."""
        at_s, target = self._at_s, self._target
        reached = {name: values <= time_s for name, values in at_s.items()}  # NaN: never
        is_open = reached["requested"] & ~reached["ended"]
        copies = is_open & reached["transfer_start"] & ~reached["transfer_end"]
        waits = is_open & reached["queued"] & ~reached["service_start"]
        serves = is_open & reached["service_start"]
        host = self._hosts(time_s, reached["ended"], is_open & reached["transfer_start"])
        copied = np.flatnonzero(copies)
        until_s = np.where(np.isnan(at_s["transfer_end"]), at_s["ended"], at_s["transfer_end"])[copied]
        begun_s = at_s["transfer_start"][copied]
        asks, moves = np.zeros(len(host), dtype=bool), np.zeros(len(host), dtype=bool)
        asks[self._vehicle[is_open & ~reached["transfer_start"]]] = True
        moves[self._vehicle[is_open & reached["transfer_start"]]] = True
        done = self._is_done & reached["ended"]
        return Moment(
            time_s=time_s,
            host=host,
            asks=asks,
            moves=moves,
            open_moves=copied,
            share=np.clip((time_s - begun_s) / np.maximum(until_s - begun_s, 1e-9), 0.0, 1.0),
            hosted=np.bincount(host[host >= 0], minlength=self._rsus),
            waiting=np.bincount(target[waits], minlength=self._rsus),
            serving=np.bincount(target[serves], minlength=self._rsus),
            price=self._prices(time_s),
            is_down=self._down(time_s),
            requests=int(np.count_nonzero(reached["requested"])),
            done=int(np.count_nonzero(done)),
            mean_delay_s=float(self._delay_s[done].mean()) if done.any() else float("nan"),
        )

    def vehicle_of(self, migration: IntArray) -> IntArray:
        """Return the vehicles of these migrations."""
        return self._vehicle[migration]

    def ends_of(self, migration: IntArray) -> tuple[IntArray, IntArray]:
        """Return the RSUs between which these migrations are."""
        return self._source[migration], self._target[migration]

    def _hosts(self, time_s: float, is_over: BoolArray, is_moving: BoolArray) -> IntArray:
        marks = self._marks
        host = np.where(marks.placed_s <= time_s, marks.first_host, -1).astype(np.int64)
        arrived = np.flatnonzero(self._is_done & is_over)
        arrived = arrived[np.argsort(self._at_s["ended"][arrived], kind="stable")]
        host[self._vehicle[arrived]] = self._target[arrived]  # of several the last one stays
        host[self._vehicle[is_moving]] = -1
        return host

    def _prices(self, time_s: float) -> FloatArray:
        held = self._round_s <= time_s
        price = np.full(self._rsus, np.nan)
        price[self._round_rsu[held]] = self._price[held]  # rounds stand in order of time
        return price

    def _down(self, time_s: float) -> BoolArray:
        marks = self._marks
        begun = marks.fault_s <= time_s
        depth = np.bincount(marks.fault_rsu[begun], self._fault_step[begun], self._rsus)
        is_down: BoolArray = depth > 0
        return is_down
