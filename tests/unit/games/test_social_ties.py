"""Ties between vehicles: generated, read, cut to a round, and what is refused."""

import re

import networkx
import numpy as np
import pytest

from simmig.errors import InputError
from simmig.games.ties import generated_ties, read_ties

NAMES = tuple(f"av{k}" for k in range(12))
EVERYONE = np.arange(len(NAMES))


def five(draws) -> float:
    return 5.0


def drawn(draws) -> float:
    return 4.0 + 2.0 * draws.uniform()


def test_a_complete_graph_ties_everyone_alike() -> None:
    ties = generated_ties("complete_graph", {}, NAMES, 1, five, "s.toml: social")
    np.testing.assert_array_equal(ties.among(EVERYONE), 5.0 * (1.0 - np.eye(12)))


def test_a_small_world_has_its_edges_and_symmetric_weights() -> None:
    ties = generated_ties("watts_strogatz_graph", {"k": 4, "p": 0.1}, NAMES, 7, drawn, "s.toml: social")
    weights = ties.among(EVERYONE)
    assert np.count_nonzero(weights) == 2 * 12 * 2
    np.testing.assert_array_equal(weights, weights.T)
    assert not weights.diagonal().any()
    present = weights[weights > 0]
    assert ((present > 4.0) & (present < 6.0)).all()
    assert len(np.unique(present)) == 24


def test_a_round_sees_the_ties_of_its_vehicles_in_its_order() -> None:
    ties = generated_ties("watts_strogatz_graph", {"k": 4, "p": 0.3}, NAMES, 7, drawn, "s.toml: social")
    players = np.array([9, 2, 5, 3, 0])
    np.testing.assert_array_equal(ties.among(players), ties.among(EVERYONE)[np.ix_(players, players)])
    assert ties.among(players[:0]).shape == (0, 0)
    assert ties.among(players[:1]).tolist() == [[0.0]]


def test_the_seed_decides_and_nothing_else() -> None:
    def make(seed):
        return generated_ties("gnp_random_graph", {"p": 0.5}, NAMES, seed, drawn, "s.toml: social").among(EVERYONE)

    np.testing.assert_array_equal(make(3), make(3))
    assert (make(3) != make(4)).any()


def test_a_weight_belongs_to_two_names_wherever_they_stand() -> None:
    one = generated_ties("complete_graph", {}, NAMES, 3, drawn, "s.toml: social").among(EVERYONE)
    other = generated_ties("complete_graph", {}, NAMES[::-1][:7], 3, drawn, "s.toml: social").among(np.arange(7))
    np.testing.assert_array_equal(other, one[::-1, ::-1][:7, :7])


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("watts_strogatz", {}, 'networkx generator with a parameter n (did you mean "watts_strogatz_graph"?)'),
        ("read_gml", {"n": 1}, "s.toml: social.generator.kind: 'read_gml': expected a networkx generator"),
        ("watts_strogatz_graph", {"K": 4, "p": 0.1}, "social.generator.K: watts_strogatz_graph has no such parameter"),
        ("gnp_random_graph", {"p": 0.5, "backend": "x"}, "social.generator.backend: gnp_random_graph has no such"),
        ("watts_strogatz_graph", {"k": 40, "p": 0.1}, "watts_strogatz_graph of 12 vehicles refused: k>n"),
        ("watts_strogatz_graph", {"k": 4}, "watts_strogatz_graph of 12 vehicles refused: "),
        ("watts_strogatz_graph", {"k": "4", "p": 0.1}, "watts_strogatz_graph of 12 vehicles refused: "),
        ("gn_graph", {}, "'gn_graph': expected a simple undirected graph"),
        ("star_graph", {}, "'star_graph': expected a simple undirected graph"),
    ],
)
def test_generators_that_do_not_fit_are_refused(kind, parameters, message) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        generated_ties(kind, parameters, NAMES, 1, five, "s.toml: social")
    assert "\n" not in str(caught.value)


def test_a_negative_weight_names_the_vehicles() -> None:
    with pytest.raises(InputError, match=r"social\.weight: -1 for 'av0' and 'av1': expected no number below 0"):
        generated_ties("path_graph", {}, NAMES, 1, lambda draws: -1.0, "s.toml: social")


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "friends.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("header", ["", "vehicle,vehicle,weight\n", "a,b,weight\n", "\ufeffVehicle,Vehicle\n"])
def test_an_edge_list_is_read(csv, header) -> None:
    path = csv(header + "av0,av1,2.5\n\nav3, av1 ,0\nav1,av0,2.5\nav2,av5\nbus,av1,9\n")
    ties = read_ties(path, NAMES, 1, five, "s.toml: social")
    expected = np.zeros((12, 12))
    expected[0, 1] = expected[1, 0] = 2.5
    expected[2, 5] = expected[5, 2] = 5.0
    np.testing.assert_array_equal(ties.among(EVERYONE), expected)


def test_vehicles_whose_names_start_like_a_header_are_vehicles(csv) -> None:
    names = ("vehicle", "vehicle_2")
    ties = read_ties(csv("vehicle,vehicle_2\n"), names, 1, five, "s.toml: social")
    assert ties.among(np.array([0, 1])).tolist() == [[0.0, 5.0], [5.0, 0.0]]


def test_an_empty_edge_list_has_no_ties(csv) -> None:
    assert not read_ties(csv("vehicle,vehicle\n"), NAMES, 1, five, "s.toml: social").among(EVERYONE).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("av0,av1,2\nav0,av0,1\n", "friends.csv:2: 'av0' tied to itself: expected two vehicles"),
        ("av0,av1,2\nav1,av0,3\n", "friends.csv:2: av1,av0: weight 3, and 2 before: expected one"),
        ("av0,av1,-2\n", "friends.csv:1: weight '-2': expected a number, 0 or more"),
        ("av0,av1,inf\n", "friends.csv:1: weight 'inf': expected a number"),
        ("av0,av1,heavy\n", "friends.csv:1: weight 'heavy': expected a number"),
        ("av0\n", "friends.csv:1: 'av0': expected vehicle,vehicle or vehicle,vehicle,weight"),
        ("av0;av1;2\n", "friends.csv:1: 'av0;av1;2': expected vehicle,vehicle"),
        ("av0,av1,2,3\n", "friends.csv:1: 'av0,av1,2,3': expected"),
        ("car1,car2,2\ncar2,car3,2\n", "none of its 2 ties is between two vehicles of the run, such as 'av0'"),
        ('av0,"av1\n', "friends.csv:1: not CSV"),
        (b"av0,\xff\xfe\n", "friends.csv: byte 4 is not UTF-8"),
    ],
)
def test_a_bad_edge_list_is_refused_with_its_line(csv, text, message) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_ties(csv(text), NAMES, 1, five, "s.toml: social")
    assert "\n" not in str(caught.value)


def test_a_missing_edge_list_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read: No such file"):
        read_ties(tmp_path / "nowhere.csv", NAMES, 1, five, "s.toml: social")


def test_ties_of_a_large_run_are_those_of_networkx() -> None:
    names = tuple(f"v{k}" for k in range(400))
    ties = generated_ties("barabasi_albert_graph", {"m": 3}, names, 5, five, "s.toml: social")
    weights = ties.among(np.arange(400))
    graph = networkx.from_numpy_array(weights)
    assert graph.number_of_edges() == (400 - 3) * 3
    assert networkx.is_connected(graph)
