"""The whole engine against closed forms: text-book results and hand calculations, end to end through a run folder."""

import math

import numpy as np
import pytest

BASE = """
schema = 1
name = "theory"
seed = {seed}

[[fleet]]
name = "cars"
kind = "av"
trace = {{ path = "cars.csv" }}
twin = {{ size_bit = {size_bit}, cycles = 5e9 }}

[rsus]
radius_m = {radius_m}
defaults = {{ compute_hz = 15e9, arrival_per_s = 450.0, service_per_s = 500.0, bandwidth_hz = {bandwidth_hz} }}
[[rsus.unit]]
id = "r0"
x_m = 0.0
y_m = 0.0
[[rsus.unit]]
id = "r1"
x_m = {gap_m}
y_m = 0.0

{radio}

[migration]
trigger = {trigger}
queue = {queue}
"""
NEAREST = '{ kind = "nearest" }'
PAPER_002 = '[radio]\npreset = "paper-002"'


def scenario(**changes):
    settings = {
        "seed": 1,
        "size_bit": 2.4e8,
        "radius_m": 300.0,
        "bandwidth_hz": 4.5e6,
        "gap_m": 500.0,
        "radio": PAPER_002,
        "trigger": '{ kind = "coverage_exit" }',
        "queue": '{ kind = "background_mm1" }',
        **changes,
    }
    return BASE.format(**settings)


def passes(count, speed_m_s=10.0, start_m=-200.0, end_m=1000.0):
    """Cars that all drive along y = 0 past both RSUs."""
    end_s = (end_m - start_m) / speed_m_s
    rows = (f"c{k:04d},0,{start_m},0\nc{k:04d},{end_s},{end_m},0\n" for k in range(count))
    return "id,t,x,y\n" + "".join(rows)


def test_crossing_time_by_hand(simulate):
    # From x = -200 m at 10 m/s the car leaves r0's zone, x = 300 m, after 50 s.
    run = simulate(scenario(trigger='{ kind = "coverage_exit" }'), cars_csv=passes(1))
    assert run.migrations["requested_s"].tolist() == [50.0, 100.0]
    assert run.migrations["source"].tolist() == ["r0", "r1"]
    assert run.migrations["target"].tolist()[0] == "r1"
    assert run.migrations["outcome"].tolist() == ["completed", "out_of_coverage"]


def test_a_margin_asks_that_much_earlier_where_there_is_somewhere_to_go(simulate):
    run = simulate(scenario(trigger='{ kind = "coverage_exit", margin_m = 20.0 }'), cars_csv=passes(1))
    assert run.migrations["requested_s"].tolist() == [48.0, 100.0]
    assert run.migrations["outcome"].tolist() == ["completed", "out_of_coverage"]


def test_the_nearest_rsu_changes_half_way(simulate):
    run = simulate(scenario(trigger='{ kind = "nearest" }'), cars_csv=passes(1))
    assert run.migrations["requested_s"].tolist() == [45.0]


def test_a3_point_of_a_straight_pass(simulate):
    # models: d_s = D k / (1 + k), k = 10^((Off + Hys) / (10 n)); the report follows a time-to-trigger later.
    trigger = '{ kind = "a3", offset_db = 0.0, hysteresis_db = 3.0, time_to_trigger_s = 0.16 }'
    run = simulate(
        scenario(trigger=trigger, radius_m=5000.0), cars_csv=passes(1, speed_m_s=15.0, start_m=0.0, end_m=600.0)
    )
    assert run.migrations["requested_s"].iloc[0] * 15.0 == pytest.approx(295.149339, abs=5e-7)
    assert len(run.migrations) == 1


@pytest.fixture
def many_migrations(simulate):
    return simulate(scenario(trigger='{ kind = "nearest" }', seed=11), cars_csv=passes(3000)).migrations


def test_delay_of_002_end_to_end(many_migrations):
    # 30 MB at 0.45e7 Hz with lambda = 450, mu = 500: 1.383800 + 0.018 + 0.333333 s, sd that of the wait.
    delay_s = many_migrations["total_delay_s"].to_numpy()
    assert len(delay_s) == 3000
    assert abs(delay_s.mean() - 1.735134) < 4 * 0.0199 / math.sqrt(3000)
    assert delay_s.std() == pytest.approx(0.0199, rel=4 / math.sqrt(3000) * 1.5)
    share = (delay_s > 1.735134 + 0.05).mean()
    assert abs(share - 0.030036) < 4 * math.sqrt(0.030036 * 0.97 / 3000)
    assert np.allclose(many_migrations["transfer_delay_s"], 1.383800, atol=5e-7)
    assert np.allclose(many_migrations["reinstantiation_delay_s"], 1 / 3, atol=1e-9)
    assert np.allclose(many_migrations["formula_delay_s"], 1.735134, atol=5e-7)


def test_wait_of_the_mm1_queue(many_migrations):
    wait_s = many_migrations["queue_delay_s"].to_numpy()
    count = len(wait_s)
    assert abs(wait_s.mean() - 0.018) < 4 * 0.0199 / math.sqrt(count)
    assert abs((wait_s == 0.0).mean() - 0.1) < 4 * math.sqrt(0.09 / count)
    for probability, quantile_s in ((0.5, 0.011756), (0.9, 0.043944), (0.95, 0.057807), (0.99, 0.089996)):
        # The share below the closed form's quantile is binomial: no density is needed.
        share = (wait_s <= quantile_s).mean()
        assert abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / count)


def test_waits_with_memory_keep_their_law_and_are_correlated(simulate):
    # Cars 0.5 s apart: neighbours find nearly the same backlog at 0.02 s, an independent one far apart.
    rows = []
    for k in range(1500):
        for lag, start_s in enumerate((2.0 * k, 2.0 * k + 0.01)):
            rows.append(f"c{k:04d}{lag},{start_s},0,0\nc{k:04d}{lag},{start_s + 60},600,0\n")
    text = scenario(trigger='{ kind = "nearest" }', queue='{ kind = "background_mm1", memory = true }', seed=3)
    table = simulate(text, cars_csv="id,t,x,y\n" + "".join(rows)).migrations.sort_values("vehicle")
    first, second = table["queue_delay_s"].to_numpy().reshape(-1, 2).T
    assert abs(first.mean() - 0.018) < 4 * 0.0199 / math.sqrt(len(first))
    assert np.corrcoef(first, second)[0, 1] > 0.6


def test_task_queue_by_hand(simulate):
    # Three twins arrive together; each needs 1/3 s of the processor: waits 0, 1/3, 2/3 s in order of request.
    run = simulate(scenario(trigger='{ kind = "nearest" }', queue='{ kind = "task" }'), cars_csv=passes(3))
    assert run.migrations["queue_delay_s"].tolist() == pytest.approx([0.0, 1 / 3, 2 / 3], abs=1e-9)


def test_rayleigh_ergodic_transfer(simulate):
    # Mean SNR 20 dB: 5.884048 bit/s/Hz (table C7), 10 MB in 5 MHz: 2.7192 s.
    radio = """[radio]
channel = { kind = "constant", gain_db = -80.0 }
tx_power_dbm = 0.0
noise = { kind = "fixed", power_dbm = -100.0 }
fading = { kind = "rayleigh", mode = "ergodic" }
rate = { kind = "shannon" }"""
    text = scenario(
        radio=radio, size_bit=8e7, bandwidth_hz=5e6, trigger='{ kind = "nearest" }', queue='{ kind = "none" }'
    )
    run = simulate(text, cars_csv=passes(1))
    assert run.migrations["transfer_delay_s"].iloc[0] == pytest.approx(8e7 / (5e6 * 5.884048), rel=1e-6)


def test_block_fading_transfer_has_the_renewal_mean_and_spread(simulate):
    # models 1.7 (2): Tc = 100 ms, mean 2.72423 s, sd 0.15171 s over many transfers.
    radio = """[radio]
channel = { kind = "constant", gain_db = -80.0 }
tx_power_dbm = 0.0
noise = { kind = "fixed", power_dbm = -100.0 }
fading = { kind = "rayleigh", mode = "block", coherence_s = 0.1 }
rate = { kind = "shannon" }"""
    text = scenario(
        radio=radio, size_bit=8e7, bandwidth_hz=5e6, trigger='{ kind = "nearest" }', queue='{ kind = "none" }'
    )
    delay_s = simulate(text, cars_csv=passes(1000)).migrations["transfer_delay_s"].to_numpy()
    assert abs(delay_s.mean() - 2.72423) < 4 * 0.15171 / math.sqrt(1000)
    assert delay_s.std() == pytest.approx(0.15171, rel=4 / math.sqrt(2000))


def test_drive_by_integral(simulate):
    # models 1.7 (3): SNR = K / (y^2 + x^2), K = 1e6 m^2, y = 10 m, 15 m/s, 5 MHz: from x = 0 to 100 m 3.031784e8 bit.
    radio = """[radio]
channel = { kind = "log_distance", exponent = 2.0, reference_gain_db = 0.0 }
tx_power_dbm = 60.0
noise = { kind = "fixed", power_dbm = 0.0 }
fading = { kind = "none" }
rate = { kind = "shannon" }
link = "vehicle_to_rsu\""""
    k, y, v, b = 1e6, 10.0, 15.0, 5e6

    def bits(x):
        root = math.sqrt(y * y + k)
        value = x * math.log(1 + k / (y * y + x * x)) + 2 * root * math.atan(x / root) - 2 * y * math.atan(x / y)
        return b / (v * math.log(2)) * value

    assert bits(100.0) == pytest.approx(3.031784e8, rel=1e-6)
    # The nearest RSU becomes r1 at x = 250 m, 250 m before it: the copy runs from there to 100 m past it.
    size = bits(100.0) + bits(250.0)
    car = f"id,t,x,y\nc,0,0,{y}\nc,60,{60 * v},{y}\n"
    text = scenario(radio=radio, size_bit=size, bandwidth_hz=b, radius_m=2000.0, trigger='{ kind = "nearest" }')
    run = simulate(text, cars_csv=car)
    assert run.migrations["transfer_delay_s"].iloc[0] == pytest.approx(350.0 / v, abs=2e-9)
    assert run.migrations["sent_bit"].iloc[0] == run.migrations["data_bit"].iloc[0]


def test_social_equilibrium_of_the_papers_three_vehicles(simulate):
    # games, section 2: alpha = 30, 25, 35, beta = 30, w = 5, costs 3 and 1, cap 15, deadlines slack.
    fleets = "".join(
        f'[[fleet]]\nname = "f{k}"\nkind = "av"\ntrace = {{ path = "car{k}.csv" }}\n'
        f"twin = {{ size_bit = 8e7, cycles = 5e9 }}\npreferences = {{ alpha = {alpha}, beta = 30.0 }}\n"
        for k, alpha in enumerate((30.0, 25.0, 35.0))
    )
    text = f"""
schema = 1
name = "figure-3"
{fleets}
[rsus]
radius_m = 300.0
[[rsus.unit]]
id = "home"
x_m = -450.0
y_m = 0.0
[[rsus.unit]]
id = "m1"
x_m = 0.0
y_m = 100.0
cost = 3.0
[[rsus.unit]]
id = "m2"
x_m = 0.0
y_m = -100.0
cost = 1.0
[radio]
preset = "paper-002"
[migration]
trigger = {{ kind = "coverage_exit" }}
[market]
game = {{ kind = "social" }}
round_s = 0.5
[social]
path = "ties.csv"
[agents]
leaders = {{ kind = "stackelberg" }}
followers = {{ kind = "best_response" }}
"""
    car = "id,t,x,y\n{name},0,-450,0\n{name},100,550,0\n"
    run = simulate(
        text,
        **{f"car{k}_csv": car.format(name=f"v{k}") for k in range(3)},
        ties_csv="vehicle,vehicle,weight\nv0,v1,5\nv0,v2,5\nv1,v2,5\n".replace("vehicle,vehicle", "a,b"),
    )
    first = run.rounds[run.rounds["round"] == 0].set_index("rsu")
    assert first["price"].tolist() == pytest.approx([13.036, 11.542], abs=1e-3)
    assert first["leader_utility"].tolist() == pytest.approx([4.7970, 6.1925], abs=1e-3)
    assert first["demand_hz"].sum() == pytest.approx((0.7084 + 0.5546 + 0.8623) * 1e7, abs=2e4)
    assert first["follower_utility"].iloc[0] == pytest.approx(3.790 + 2.329 + 5.607, abs=2e-3)
    assert run.rounds["leader_gap_relative"].max() < 1e-6
    assert run.rounds["follower_gap_relative"].max() < 1e-6


def test_immersion_and_its_loss_by_hand(simulate):
    # SNR 20 dB everywhere: r = 1 MHz x log2(101) bit/s, I = mu ln(1 + r / 1 Mbit/s) ln(0.9 / 0.525), 001 (6), (7).
    radio = """[radio]
channel = { kind = "constant", gain_db = -80.0 }
tx_power_dbm = 0.0
noise = { kind = "fixed", power_dbm = -100.0 }
fading = { kind = "none" }
rate = { kind = "shannon" }"""
    text = scenario(radio=radio, trigger=NEAREST, queue='{ kind = "none" }', size_bit=8e7, bandwidth_hz=5e6)
    run = simulate(text, cars_csv=passes(1))
    immersion = math.log(1.0 + math.log2(101.0)) * math.log(0.9 / 0.525)
    silent_s = 8e7 / (5e6 * math.log2(101.0)) + 1 / 3
    row, vehicle = run.migrations.iloc[0], run.vehicles.iloc[0]
    assert row["interruption_s"] == pytest.approx(silent_s, abs=2e-9)
    assert row["immersion_before"] == pytest.approx(immersion, rel=1e-12)
    assert row["immersion_loss"] == pytest.approx(immersion * silent_s, rel=1e-8)
    # Of 120 s from x = -200 to 1000 m the car is inside r0's or r1's zone until x = 800 m, at 100 s.
    assert vehicle["covered_s"] == pytest.approx(100.0, abs=1e-9)
    assert vehicle["immersion_mean"] == pytest.approx(immersion * (100.0 - silent_s) / 120.0, rel=1e-8)
