"""Every file of the collection of real traces: read with the rows that its manifest counts, or refused, and why."""

import re
from collections.abc import Iterator
from pathlib import Path

from simmig.errors import TraceError
from simmig.world.traces import open_trace

SKIPPED = ("cells", "opencellid", "bad", "sumo_scenarios", "synthetic")  # RSUs, broken files, networks: not traces
NO_TIME = "no track point has a <time>"
NOT_YET = "no known format"
# What differs from the manifest's count of rows: the count of usable ones, or the words of the refusal.
DIFFERENT: dict[str, int | str] = {
    "same_flight/flight_canonical_proposal.parquet": r'read lon and lat: coordinates = "lonlat"',
    "ulog/sample.ulg": "no position with instance = 0",
    "ulog/sample_appended_multiple.ulg": "no position with instance = 0",
    "ulog/sample_logging_tagged_and_default_params.ulg": 44,  # the others are without a fix
    "ulog_csv/px4_vehicle_gps_position.csv": "no column for id",
    "ulog_csv/px4_vehicle_gps_position_utc.csv": "no column for id",
    "dataflash/nolicence/joeydouglas_2015-07-23_10-21-40_52.bin": "no position",
    "dataflash/uavreaders_dataflash_test.bin": "no position",
    "tlog/nolicence/phoenix_mission1_2018-09-17_16-44-06.tlog": 772,  # ten at 0, 0
    "tlog/nolicence/phoenix_mission1_run5.csv": "no column for time",
    "gpx/cerknicko-jezero-without-elevations.gpx": 295,
    "gpx/cerknicko-without-times.gpx": 5,
    "gpx/graphhopper_issue-127.gpx": NO_TIME,
    "gpx/graphhopper_test2_no_millis.gpx": NO_TIME,
    "gpx/route.gpx": "no track point",
    "gpx/togeojson_garmin_extensions.gpx": NO_TIME,
    "gpx/track-with-extremes.gpx": NO_TIME,
    "gpx/track_with_dilution_errors.gpx": NO_TIME,
    "gpx/unicode_with_bom.gpx": "no track point",
    "nmea/gpsd_bu303-moving.log": "no known format",  # binary
    "nmea/gpsd_garmin25lp.log": 10,  # here and below the others are of quality 0
    "nmea/gpsd_haicom-305N.log": 68,
    "nmea/gpsd_mtk-3301.log": 4,
    "nmea/gpsd_rgm3800.log": 2,
    "nmea/gpsd_sl869.log": 8,
    "nmea/gpsd_tn200.log": "19 without a fix",
    "kml/togeojson_linestring.kml": "lines without times",
    "kml/togeojson_timespan.kml": "has no track",
    "geojson/traffic_sample_trajectories_fc.geojson": "a LineString has no times",
    "geolife/010/labels.txt": "no column for time",
    "porto/st4ml_porto_toy10_wkt.csv": "no column for time",
    "porto/st4ml_porto_toy_wkt.csv": "no column for time",
    "adsb/pymodes_sample_data_adsb.csv": "no column for time",  # frames that have to be decoded
    "adsb/readsb_trace_full_ac671b.json": NOT_YET,
    "adsb/traffic_noisy_spoofing.json.gz": NOT_YET,
    "adsb/traffic_noisy_takeoff.json.gz": NOT_YET,
    "adsb/traffic_zurich_airport.json.gz": NOT_YET,
    "bus_gtfsrt/liverpool_route14_outbound.csv": "id could be id and vehicle_id",
    "netstate/cologne8_30s.netstate.xml.gz": "netstate has lane positions only",
    "traceexporter/cologne8.gpsdat.csv": "no column for time",
    "traceexporter/cologne8.kml": "lines without times",
    "traceexporter/cologne8.ns2activity.tcl": NOT_YET,
    "traceexporter/cologne8.ns2config.tcl": NOT_YET,
    "traceexporter/cologne8.omnet.xml": NOT_YET,  # not well-formed
    "ns2/mobility-trace-example.mob": NOT_YET,
    "bonnmotion/bonnmotion_scenario.params": NOT_YET,
    "bonnmotion/cologne8.params": NOT_YET,
}
# Where the manifest gives no count.
COUNTED = {
    "same_flight/flight.kml": 645,
    "same_flight/flight.mf.json": 645,
    "same_flight/flight_points.geojson": 645,
    "kml/togeojson_gxtrack.kml": 7,
    "kml/togeojson_multitrack.kml": 16,
    "geojson/trackintel_positionfixes.geojson": 6,
    "mfjson/tests_mftrajectory.json": 5,
    "mfjson/tests_movingfeatures.json": 5,
    "mfjson/tests_movingfeatures_collection.json": 37,
    "mfjson/tutorial_movingfeatures.json": 19,
    "traceexporter/cologne8.kepler.json": 1310,
    "traceexporter/cologne8.ns2mobility.tcl": 1541,
    "ns2/bonnmotion.ns_movements": 12,
    "ns2/default.ns_movements": 708,
    "ansim/ansimtrace.xml": 6,
    "bonnmotion/cologne8.movements.gz": 1310,
    "one/cologne8_external_movement.txt": 1310,
}


def files(manifest: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of every file in the manifest's tables, and its count of rows as it stands there."""
    folder = None
    for line in manifest.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            match = re.match(r"## ([\w/]+)/ ", line)
            folder = match[1] if match and match[1] not in SKIPPED else None
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if folder and line.startswith("|") and len(cells) > 4 and cells[1].isdecimal():
            yield f"{folder}/{cells[0]}", cells[4]


def test_every_file_is_read_or_refused_as_it_should_be(test_data: Path) -> None:
    seen, wrong = set(), []
    for name, rows in files(test_data / "MANIFEST.md"):
        seen.add(name)
        expected = DIFFERENT.get(name, COUNTED.get(name, rows))
        try:
            found: int | str = len(open_trace(test_data / name).t_us)
        except TraceError as error:
            found = str(error)
        fits = re.search(expected, found) if isinstance(found, str) and isinstance(expected, str) else False
        if not fits and str(found) != str(expected):
            wrong.append(f"{name}: expected {expected}, found {found}")
    assert wrong == []
    assert {*DIFFERENT, *COUNTED} <= seen  # nothing is expected of files that are not there
    assert len(seen) > 100
