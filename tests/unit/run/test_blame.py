"""A trigger, channel or game in a file of the user's that raises is named in one line."""

import pytest
from roads import road

from simmig.errors import RunError

TRIGGER = """
from simmig.contracts import Plugin

class Trigger(Plugin):
    def arm(self, scene):
        {arm}

    def next(self, vehicle, host, after_ns, *, retry):
        {next}
"""
SCENARIO = road(migration='trigger = { kind = "mine.py" }')
CARS = "id,t,x,y\nv,0,0,0\nv,60,600,0\n"


@pytest.mark.parametrize(
    ("arm", "next_", "line"),
    [
        ("raise ValueError('no\\nscene')", "return None", r"plug-in mine\.py:6: ValueError: no scene"),
        ("return self", "return 1 / 0", r"plug-in mine\.py:9: ZeroDivisionError: division by zero"),
        ("return self", "return float('nan'), 0", None),
    ],
)
def test_a_trigger_that_misbehaves_is_named_or_refused(simulate, tmp_path, arm, next_, line):
    (tmp_path / "mine.py").write_text(TRIGGER.format(arm=arm, next=next_))
    with pytest.raises(RunError, match=line or "an entry at nan ns was added .* expected a time not before"):
        simulate(SCENARIO, cars_csv=CARS)


def test_our_own_errors_keep_their_trace(monkeypatch, simulate):
    monkeypatch.setattr("simmig.world.build.draw_vehicles", None)
    with pytest.raises(TypeError, match="not callable"):
        simulate(SCENARIO.replace("mine.py", "nearest"), cars_csv=CARS)
