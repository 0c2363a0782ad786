"""The radio links of a scenario: one for each RSU where settings are drawn, a single one where they are not."""

from __future__ import annotations

from simmig.radio.link import Link
from simmig.rng import Draws
from simmig.scenario import Scenario


def make_links(scenario: Scenario, rsu_id: tuple[str, ...], tx_power_dbm: list[float | None]) -> list[Link]:
    """Return the link on which each RSU transmits, [J]; equal links are one object.

    tx_power_dbm[J]: an RSU's own transmit power, None where that of [radio] counts.
    """
    radio, seed = scenario.radio, scenario.seed
    links: dict[Link, Link] = {}
    found: list[Link] = []
    for name, own_dbm in zip(rsu_id, tx_power_dbm, strict=True):
        drawn_dbm = radio.tx_power_dbm.sample(Draws(seed, "radio.tx_power_dbm", name))
        link = Link(
            channel=radio.channel.sample(Draws(seed, "radio.channel", name)).plugin,
            tx_power_dbm=drawn_dbm if own_dbm is None else own_dbm,
            carrier_hz=radio.carrier_hz,
            noise=radio.noise.sample(Draws(seed, "radio.noise", name)),
            fading=radio.fading,
            rate=radio.rate,
        )
        found.append(links.setdefault(link, link))
    return found


def vehicle_link(scenario: Scenario) -> Link:
    """Return the link on which vehicles transmit: the same radio, drawn for none of the RSUs but for itself."""
    return make_links(scenario, ("",), [None])[0]
