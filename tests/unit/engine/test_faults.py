"""What an outage does to the migrations it touches, by hand on a street of three RSUs."""

import pytest
from roads import road

THREE_RSUS = {"a": (0.0, 0.0), "b": (500.0, 0.0), "c": (500.0, 20.0)}
FAULT = """
[[fault]]
rsu = "{rsu}"
at_s = {at_s}
for_s = 10.0
effect = "{effect}"
"""
# At 10 m/s from x = 0 the nearest RSU becomes b at 25 s; 30 MB in 0.45e7 Hz take 1.383800 s, then 1 s to start.
CARS = "id,t,x,y\ncar,0,0,0\ncar,60,600,0\n"
COPY_S = 1.383800


@pytest.fixture
def struck(simulate):
    def run(rsu, effect, at_s):
        text = road(
            FAULT.format(rsu=rsu, effect=effect, at_s=at_s),
            twin="size_bit = 2.4e8, cycles = 15e9",
            rsus="defaults = { compute_hz = 15e9, bandwidth_hz = 4.5e6 }",
            places_m=THREE_RSUS,
            migration='trigger = { kind = "nearest" }\nqueue = { kind = "none" }',
        )
        return simulate(text, cars_csv=CARS)

    return run


def test_without_a_touch_nothing_changes(struck):
    table = struck("c", "fail", 26.0).migrations
    assert table["outcome"].tolist() == ["completed"]
    assert table["completed_s"].iloc[0] == pytest.approx(25.0 + COPY_S + 1.0, abs=1e-6)


@pytest.mark.parametrize("at_s", [26.0, 27.0])
def test_a_target_that_fails_ends_the_migration_and_it_is_tried_again(struck, at_s):
    # Copying at 26 s, re-instantiating at 27 s; afterwards the vehicle asks every second until b is back.
    table = struck("b", "fail", at_s).migrations
    assert table["outcome"].iloc[0] == "target_failed"
    assert table["ended_s"].iloc[0] == at_s
    assert set(table["outcome"].iloc[1:-1]) == {"target_failed"}
    assert table["outcome"].iloc[-1] == "completed"
    assert table["requested_s"].iloc[-1] == at_s + 10.0


def test_a_source_that_fails_while_copying_loses_the_link(struck):
    table = struck("a", "fail", 26.0).migrations
    assert table["outcome"].iloc[0] == "link_lost"
    sent_bit = table["sent_bit"].iloc[0]
    assert sent_bit == pytest.approx(2.4e8 * 1.0 / COPY_S, rel=1e-5)
    assert table["outcome"].iloc[-1] == "completed"


def test_a_twin_on_a_failed_rsu_is_asked_for_once_and_again_when_the_rsu_is_back(struck):
    # The trigger fires at 25 s, while a is down from 20 to 30 s: one failure, not one for every retry.
    table = struck("a", "fail", 20.0).migrations
    assert table["outcome"].tolist() == ["link_lost", "completed"]
    assert table["requested_s"].tolist() == [25.0, 30.0]


def test_a_source_that_fails_after_the_copy_does_not_matter(struck):
    assert struck("a", "fail", 27.0).migrations["outcome"].tolist() == ["completed"]


@pytest.mark.parametrize("at_s", [26.0, 27.0])
def test_a_pause_delays_what_it_touches_by_its_length(struck, at_s):
    table = struck("b", "pause", at_s).migrations
    assert table["outcome"].tolist() == ["completed"]
    assert table["completed_s"].iloc[0] == pytest.approx(25.0 + COPY_S + 1.0 + 10.0, abs=1e-6)
    assert table["sent_bit"].iloc[0] == pytest.approx(2.4e8, rel=1e-12)


def test_a_redirected_copy_starts_again_at_the_next_best_rsu(struck):
    table = struck("b", "redirect", 26.0).migrations
    assert table["outcome"].tolist() == ["completed"]
    assert table["target"].tolist() == ["c"]
    # From a to c the distance, hence the rate, differs by less than a part in a thousand.
    assert table["completed_s"].iloc[0] == pytest.approx(26.0 + COPY_S + 1.0, rel=1e-3)
    assert table["sent_bit"].iloc[0] == pytest.approx(2.4e8 * (1.0 + 1.0 / COPY_S), rel=1e-5)


def test_an_outage_interrupts_the_service_of_twins_already_there(struck):
    run = struck("a", "fail", 5.0)
    assert run.rsus.set_index("rsu")["down_s"].to_dict() == {"a": 10.0, "b": 0.0, "c": 0.0}
    assert run.events["event"].tolist()[:3] == ["placed", "rsu_down", "rsu_up"]
