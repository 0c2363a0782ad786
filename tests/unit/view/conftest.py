"""Run folders that the tests of the replay look at."""

import pytest


@pytest.fixture(scope="session")
def street_run(repository, simulate_file, tmp_path_factory):
    """Six cars on a street, every number known by hand."""
    return simulate_file(repository / "scenarios" / "street.toml", tmp_path_factory.mktemp("view") / "street")


@pytest.fixture(scope="session")
def outage_run(repository, simulate_file, tmp_path_factory):
    """Some minutes of the city with RSUs that go down."""
    out = tmp_path_factory.mktemp("view") / "outage"
    changes = ("duration_s=900.0", "fleet.0.trace.max_vehicles=120", "fault.0.at_s=300.0", "fault.1.at_s=500.0")
    return simulate_file(repository / "scenarios" / "city-outage.toml", out, changes)


@pytest.fixture(scope="session")
def campus_run(repository, simulate_file, tmp_path_factory):
    """Five minutes of UAVs over zones of every shape."""
    out = tmp_path_factory.mktemp("view") / "campus"
    return simulate_file(repository / "scenarios" / "campus-uav.toml", out, ("duration_s=300.0",))
