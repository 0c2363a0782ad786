"""From a scenario to the world it describes."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmig.errors import ScenarioError
from simmig.mobility.coverage import coverage_intervals, covers, first_service
from simmig.mobility.frame import choose_frame
from simmig.mobility.positions import Positions
from simmig.mobility.triggers import TriggerScene
from simmig.plugins import load
from simmig.scenario import Scenario
from simmig.units import s_to_ns
from simmig.world.links import make_links, vehicle_link
from simmig.world.market import make_market
from simmig.world.model import Fault, World
from simmig.world.sites import place_sites, read_sites
from simmig.world.traces import join_fleets, read_fleets
from simmig.world.vehicles import draw_vehicles


def build_world(scenario: Scenario) -> World:
    """Return the world of a scenario: traces read, zones crossed, settings drawn.

    Raises InputError for whatever is wrong with the files that the scenario names.
    """
    raws, layout = read_fleets(scenario), read_sites(scenario)
    # A layout that is moved onto the traces has no say in where on Earth they are.
    frame = choose_frame(raws, None if scenario.rsus.recentre else layout, scenario.crs)
    trace, fleet = join_fleets(scenario, raws, frame)
    rsus, tx_power_dbm = place_sites(scenario, layout, frame, trace)
    vehicles = draw_vehicles(scenario, trace.vehicle_id, fleet)
    links = make_links(scenario, rsus.sites.rsu_id, tx_power_dbm)
    positions = Positions(trace)
    coverage = coverage_intervals(trace, rsus.sites)
    radio, migration, qoe = scenario.radio, scenario.migration, scenario.qoe
    power_dbm = np.array([link.tx_power_dbm for link in links])
    scene = TriggerScene(
        trace=trace,
        sites=rsus.sites,
        bonus_db=power_dbm - power_dbm.max(),
        exponent=float(getattr(links[0].channel, "exponent", 2.0)),
        positions=positions,
        coverage=coverage,
    )
    trigger: Any = load("triggers", migration.trigger.kind, migration.trigger.settings, scenario.base_dir)
    offered_hz = [migration.bandwidth_hz or own_hz for own_hz in rsus.bandwidth_hz]
    sender = vehicle_link(scenario)
    senders = [sender] * len(links) if radio.link == "vehicle_to_rsu" else links
    return World(
        seed=scenario.seed,
        frame=frame,
        trace=trace,
        positions=positions,
        coverage=coverage,
        covers=covers(rsus.sites),
        vehicles=vehicles,
        rsus=rsus,
        placements=first_service(coverage, rsus.sites, positions),
        trigger=trigger.arm(scene),
        link=sender,
        links=links,
        link_kind=radio.link,
        queue=migration.queue,
        offered_hz=offered_hz,
        ssim=qoe.ssim,
        reference_rate_bit_s=qoe.reference_rate_bit_s,
        service_bandwidth_hz=qoe.service_bandwidth_hz,
        retry_ns=s_to_ns(migration.retry_s),
        end_ns=s_to_ns(scenario.duration_s) if scenario.duration_s else trace.end_us * 1000,
        market=make_market(scenario, vehicles, rsus, trace.vehicle_id, senders),
        faults=_faults(scenario, rsus.sites.rsu_id),
    )


def _faults(scenario: Scenario, rsu_id: tuple[str, ...]) -> tuple[Fault, ...]:
    found = []
    for number, fault in enumerate(scenario.fault):
        if fault.rsu not in rsu_id:
            raise ScenarioError(
                f"{scenario.source}: fault.{number}.rsu: {fault.rsu!r}: expected the id of an RSU in the layout, "
                f"such as {rsu_id[0]!r}"
            )
        at_ns = s_to_ns(fault.at_s)
        found.append(Fault(rsu_id.index(fault.rsu), at_ns, at_ns + s_to_ns(fault.for_s), fault.effect))
    return tuple(found)
