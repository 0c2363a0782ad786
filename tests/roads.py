"""Scenario texts to test with: cars that pass RSUs and ask for a migration where the next one becomes the nearest."""

from collections.abc import Mapping

# The game of 002, Fig. 3: p* = (13.036, 11.542).
FIG3 = """
schema = 1
name = "fig3"
game = { kind = "social" }
ties = [[0, 5, 5], [5, 0, 5], [5, 5, 0]]
[followers]
names = ["a", "b", "c"]
preferences = { alpha = [30, 25, 35], beta = 30 }
[leaders]
names = ["r1", "r2"]
cost = [3, 1]
price_max = 15
"""
TWO_RSUS = {"a": (0.0, 0.0), "b": (500.0, 0.0)}


def road(
    *tables: str,
    seed: int = 1,
    twin: str = "size_bit = 8e7, cycles = 5e9",
    fleet: str = "",
    rsus: str = "",
    places_m: Mapping[str, tuple[float, float]] = TWO_RSUS,
    radio: str = 'preset = "paper-002"',
    migration: str = 'trigger = { kind = "nearest" }',
) -> str:
    """Return a scenario of the cars in cars.csv; `tables` are added, the other texts are lines of their tables.

    `places_m` has the RSUs: name to (x, y). Each reaches 450 m.
    """
    units = "".join(
        f'[[rsus.unit]]\nid = "{name}"\nx_m = {x_m}\ny_m = {y_m}\n' for name, (x_m, y_m) in places_m.items()
    )
    return f"""schema = 1
name = "road"
seed = {seed}
[[fleet]]
name = "cars"
kind = "av"
trace = {{ path = "cars.csv" }}
twin = {{ {twin} }}
{fleet}
[rsus]
radius_m = 450.0
{rsus}
{units}[radio]
{radio}
[migration]
{migration}
{"".join(tables)}"""


def market(
    game: str = 'kind = "social"', leaders: str = 'kind = "stackelberg"', followers: str = 'kind = "best_response"'
) -> str:
    """Return the tables [market] and [agents], two rounds a second; the texts are settings."""
    return f"""[market]
game = {{ {game} }}
round_s = 0.5
[agents]
leaders = {{ {leaders} }}
followers = {{ {followers} }}
"""


def cars(count: int, every_s: float = 1.0) -> str:
    """Return cars.csv: `count` cars from x = 0 to 600 m at 10 m/s, which leave `every_s` after one another."""
    starts = [(k, k * every_s) for k in range(count)]
    return "id,t,x,y\n" + "".join(f"v{k},{start},0,0\nv{k},{start + 60},600,0\n" for k, start in starts)
