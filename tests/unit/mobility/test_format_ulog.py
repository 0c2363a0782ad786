"""PX4 logs: old and new layouts, fixes only, UTC where the log has it."""

import struct

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats.ulog import Format
from simmig.mobility.frame import choose_frame
from simmig.mobility.raw import TraceOptions, assemble

MAGIC = b"ULog\x01\x12\x35\x01"
OLD = ("uint64_t timestamp;uint64_t time_utc_usec;int32_t lat;int32_t lon;int32_t alt;uint8_t fix_type;", "<QQiiiB")
NEW = (
    "uint64_t timestamp;uint64_t time_utc_usec;double latitude_deg;double longitude_deg;double altitude_msl_m;"
    "uint8_t fix_type;",
    "<QQdddB",
)
GLOBAL = ("uint64_t timestamp;double lat;double lon;float alt;", "<Qddf")


def message(kind, body):
    return struct.pack("<HB", len(body), ord(kind)) + body


def log_of(topics):
    """A ULog file with topics {(name, multi_id): (layout, rows)}, as the format's description has it."""
    out = MAGIC + struct.pack("<Q", 0)
    names = dict.fromkeys(name for name, _ in topics)
    layouts = {name: layout for (name, _), (layout, _) in topics.items()}
    for name in names:
        out += message("F", f"{name}:{layouts[name][0]}".encode())
    for number, (name, instance) in enumerate(topics):
        out += message("A", struct.pack("<BH", instance, number) + name.encode())
    for number, (layout, rows) in enumerate(topics.values()):
        for row in rows:
            out += message("D", struct.pack("<H", number) + struct.pack(layout[1], *row))
    return out


@pytest.fixture
def log(tmp_path):
    def make(topics):
        path = tmp_path / "flight_7.ulg"
        path.write_bytes(log_of(topics))
        return path

    return make


def refusal(path, **settings):
    with pytest.raises(TraceError) as error:
        Format(**settings).read(path)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


UTC_US = 1717225200_000_000
GPS = ("vehicle_gps_position", 0)


@pytest.mark.parametrize(
    ("layout", "rows"),
    [
        (OLD, [(10, UTC_US, 510000001, 70000002, 80123, 3), (20, UTC_US + 9, 510000003, 70000004, 80456, 3)]),
        (NEW, [(10, UTC_US, 51.0000001, 7.0000002, 80.123, 3), (20, UTC_US + 9, 51.0000003, 7.0000004, 80.456, 3)]),
    ],
)
def test_old_and_new_layouts(log, layout, rows):
    raw = Format().read(log({GPS: (layout, rows)}))
    assert raw.b.tolist() == [51.0000001, 51.0000003]
    assert raw.a.tolist() == [7.0000002, 7.0000004]
    assert raw.z.tolist() == [80.123, 80.456]
    assert (raw.t_us.tolist(), raw.epoch_us) == ([UTC_US, UTC_US + 9], 0)
    assert raw.vehicle_id == ("flight_7",)
    assert raw.notes == {"rows": 2, "without_fix": 0, "log_corrupt": 0}


def row(boot_us, utc_us, fix=3):
    return (boot_us, utc_us, 51.0, 7.0, 80.0, fix)


def test_rows_without_a_fix_are_left_out_and_not_held_against_the_log(log):
    raw = Format().read(log({GPS: (NEW, [row(1, 0, 0), row(2, 0, 1), row(3, UTC_US, 3)])}))
    assert raw.t_us.tolist() == [UTC_US]
    assert raw.notes == {"rows": 1, "without_fix": 2, "log_corrupt": 0}
    assert assemble(raw, choose_frame([raw])).fix_count == 1
    assert "has 2 rows, none with a GPS fix" in refusal(log({GPS: (NEW, [row(1, 0, 0), row(2, 0, 1)])}))


@pytest.mark.parametrize(
    "rows",
    [
        [row(1_000, 0), row(2_000, UTC_US), row(5_000, UTC_US + 3_000)],  # UTC comes later than the fix
        [row(1_000, UTC_US - 1_000), row(2_000, UTC_US - 1_000), row(5_000, UTC_US + 3_000)],  # UTC stands still
    ],
)
def test_the_boot_clock_fills_in_where_utc_does_not_count(log, rows):
    raw = Format().read(log({GPS: (NEW, rows)}))
    assert raw.t_us.tolist() == [UTC_US - 1_000, UTC_US, UTC_US + 3_000]
    assert raw.epoch_us == 0


def test_a_log_without_utc_counts_from_the_start(log):
    raw = Format().read(log({GPS: (NEW, [row(1_000, 0), row(2_000, 0)])}))
    assert (raw.t_us.tolist(), raw.epoch_us) == ([1_000, 2_000], None)


def test_topics_and_instances_are_chosen(log):
    path = log(
        {
            ("vehicle_global_position", 0): (GLOBAL, [(1, 51.5, 7.5, 90.25)]),
            ("sensor_gps", 1): (NEW, [(1, UTC_US, 52.0, 8.0, 70.0, 3)]),
            ("sensor_gps", 0): (NEW, [(1, UTC_US, 51.0, 7.0, 60.0, 3)]),
        }
    )
    assert Format().read(path).z.tolist() == [60.0]
    assert Format(instance=1).read(path).z.tolist() == [70.0]
    estimate = Format(topic="vehicle_global_position", vehicle="uav").read(path)
    assert (estimate.a[0], estimate.b[0], estimate.z[0], estimate.epoch_us) == (7.5, 51.5, 90.25, None)
    assert estimate.vehicle_id == ("uav",)
    text = refusal(path, topic="vehicle_gps_position", instance=2)
    assert "no position with instance = 2 (looked for vehicle_gps_position)" in text
    assert "it has sensor_gps 0, sensor_gps 1, vehicle_global_position 0" in text


def test_unknown_fields(log):
    path = log({GPS: (("uint64_t timestamp;float north;", "<Qf"), [(1, 2.0)])})
    assert "has no known position fields; it has timestamp, north" in refusal(path)


def test_positions_that_are_no_numbers_are_counted(log):
    path = log({GPS: (NEW, [row(1, 0, 0), row(2, UTC_US), (3, UTC_US + 1, np.nan, 7.0, 80.0, 3)])})
    raw = Format().read(path)
    assert raw.remarks == (f"1 rows without finite coordinates, first at {path}, vehicle_gps_position row 3",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ulog_no_gps.ulg", "looked for vehicle_gps_position, sensor_gps, vehicle_global_position"),
        ("ulog_wrong_magic.ulg", "not a ULog file: starts with 4e6f74554c6f67"),
    ],
)
def test_broken_logs_are_refused(test_data, name, words):
    assert words in refusal(test_data / "bad" / name)


def test_a_log_corrupt_in_the_middle_is_read_and_said_to_be(test_data):
    raw = Format().read(test_data / "bad" / "ulog_corrupt_middle.ulg")
    assert len(raw.t_us) == 429
    assert raw.remarks == ("the log is corrupt in places; fixes may be missing",)
    assert raw.notes["log_corrupt"] == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize("damage", [b"\xff\x7fF", b"\x00\x00\x00", b"\x00\x00Z", b"\x20\x4eZ", b"\x05\x00Fab"])
def test_damage_before_the_data_is_refused(log, damage):
    path = log({GPS: (NEW, [row(1, UTC_US)])})
    data = path.read_bytes()
    path.write_bytes(data[:16] + damage + (data[16:] if damage[-1:] == b"Z" else b""))
    assert refusal(path) == "flight_7.ulg: cut or damaged at byte 16, before the flight data begin"


def test_kinds_of_messages_that_came_later_are_skipped(log):
    path = log({GPS: (NEW, [row(1, UTC_US)])})
    data = path.read_bytes()
    path.write_bytes(data[:16] + b"\x04\x00Znews" + data[16:])
    assert Format().read(path).t_us.tolist() == [UTC_US]


def test_logs_of_a_future_that_old_readers_must_not_read(log):
    path = log({GPS: (NEW, [row(1, UTC_US)])})
    data = path.read_bytes()
    path.write_bytes(data[:16] + message("B", bytes(8) + b"\x02" + bytes(31)) + data[16:])
    assert "not readable as ULog: Unknown incompatible flag set" in refusal(path)


def test_damage_is_not_printed(test_data, capsys):
    Format().read(test_data / "bad" / "ulog_corrupt_middle.ulg")
    assert capsys.readouterr() == ("", "")


def test_real_logs(test_data):
    survey = Format().read(test_data / "ulog" / "px4_real_survey_repacked.ulg")
    assert (len(survey.t_us), survey.t_us[0]) == (5155, 1768273457875381)
    assert survey.t_us[-1] - survey.t_us[0] == pytest.approx(651.6e6, abs=1e5)
    assert survey.a.min() == pytest.approx(121.37250, abs=1e-5)
    trace = assemble(survey, choose_frame([survey]), TraceOptions(require_altitude=True, ground_altitude_m=386.0))
    assert 65.0 < trace.z_m.max() < 80.0  # a climb of 70 m
    tagged = Format().read(test_data / "ulog" / "sample_logging_tagged_and_default_params.ulg")
    assert tagged.notes == {"rows": 44, "without_fix": 146, "log_corrupt": 0}
    assert (tagged.a[0], tagged.b[0]) == (pytest.approx(8.5455942), pytest.approx(47.3977419))
    for name in ("sample.ulg", "sample_appended_multiple.ulg"):
        assert "no position" in refusal(test_data / "ulog" / name)
