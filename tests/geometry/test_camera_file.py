"""camera.yaml: what is written is read again, what ROS writes is read too, and what is hostile or wrong is refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lanes.errors import InputError, NotFoundError, OutputError
from lanes.geometry.camera_file import CameraFile
from lanes.geometry.distortion import Distortion
from lanes.geometry.safe_yaml import LARGEST
from lanes.results import Calibration, Estimate

BARE = CameraFile("dash", 1280, 720, 1158.0, 1153.0, 672.0, 389.0, Distortion(-0.24, -0.03, -0.001, -1e-5, -0.01))
FULL = replace(
    BARE,
    height_m=1.3,
    vehicle_width_m=1.83,
    camera_lateral_offset_m=-0.05,
    extrinsics=Calibration("valid", Estimate(0.01, 0.001), Estimate(-0.02, 1e-5)),
    extrinsics_time="2026-01-31T12:00:00+00:00",
    intrinsics_std={"fx": 0.8, "k3": 0.01},
    rms_px=0.4,
)

ROS = """\
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [535.4, 0., 320.1, 0., 539.2, 247.6, 0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.3, 0.08, 1e-05, -4.5e-4, 0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [535.4, 0, 320.1, 0, 0, 539.2, 247.6, 0, 0, 0, 1, 0]
"""


def read(folder: Path, text: str | bytes) -> CameraFile:
    path = folder / "camera.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CameraFile.read(path)


@pytest.mark.parametrize("camera", [BARE, FULL])
def test_what_is_written_is_read_again(camera: CameraFile, tmp_path: Path) -> None:
    camera.write(tmp_path / "camera.yaml")
    assert CameraFile.read(tmp_path / "camera.yaml") == camera


def test_a_file_of_ros(tmp_path: Path) -> None:
    camera = read(tmp_path, ROS)
    assert (camera.camera_name, camera.width, camera.height) == ("narrow_stereo", 640, 480)
    assert (camera.fx, camera.cy) == (535.4, 247.6)
    assert camera.distortion == Distortion(-0.3, 0.08, 1e-5, -4.5e-4, 0.0)
    assert (camera.height_m, camera.extrinsics, dict(camera.intrinsics_std)) == (None, None, {})


def test_a_file_has_the_names_that_others_read(tmp_path: Path) -> None:
    FULL.write(tmp_path / "camera.yaml")
    text = (tmp_path / "camera.yaml").read_text()
    for name in ("image_width", "image_height", "camera_name", "camera_matrix", "distortion_model: plumb_bob", "distortion_coefficients"):
        assert name in text
    for name in ("rectification_matrix", "projection_matrix", "height_m", "vehicle_width_m", "camera_lateral_offset_m", "extrinsics"):
        assert name in text


def test_a_date_may_stand_without_quotes(tmp_path: Path) -> None:
    ours = "lanestream: {extrinsics: {pitch_rad: 0.01, pitch_rad_std: 0.001, state: valid, time: 2026-01-31T12:00:00Z}}\n"
    assert read(tmp_path, ROS + ours).extrinsics_time == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("image_width: 640\n", "", "has no image_width"),
        ("image_width: 640", "image_width: wide", "image_width is 'wide', not a whole number"),
        ("image_width: 640", "image_width: true", "image_width is 'True', not a whole number"),
        ("image_width: 640", "image_width: 640.5", "not a whole number"),
        ("image_width: 640", "image_width: -640", "image_width is -640, not a number of pixels"),
        ("image_width: 640", "image_width: 1" + 999 * "0", "image_width is 10000000000000000000, not a number of pixels"),
        ("camera_name: narrow_stereo", "camera_name: ''", "camera_name is not a name"),
        ("camera_name: narrow_stereo", 'camera_name: "a\\nb"', "camera_name is not a name"),
        ("535.4, 0., 320.1", ".nan, 0., 320.1", "camera_matrix is not a finite number"),
        ("535.4, 0., 320.1", ".inf, 0., 320.1", "camera_matrix is not a finite number"),
        ("535.4, 0., 320.1", "0., 0., 320.1", "the matrix is singular"),
        ("535.4, 0., 320.1", "-535.4, 0., 320.1", "fx = -535.4"),
        ("535.4, 0., 320.1", "535.4, 3., 320.1", "a skewed one is not supported"),
        ("535.4, 0., 320.1", "535.4, 0., 960.5", "outside of the picture"),
        ("535.4, 0., 320.1", "535.4, 0., [320.1]", "camera_matrix is '[320.1]', not a number"),
        ("535.4, 0., 320.1, 0., 539.2", "535.4, 0., 320.1, 0.", "camera_matrix has 8 numbers in 3 rows and 3 columns"),
        ("camera_matrix:\n  rows: 3\n", "camera_matrix:\n  rows: 1\n", "not a matrix of 3x3"),
        (
            "distortion_model: plumb_bob",
            "distortion_model: equidistant",
            "distortion_model is 'equidistant'; this project knows 'plumb_bob'",
        ),
        ("distortion_model: plumb_bob", "distortion_model: rational_polynomial", "'rational_polynomial'"),
        ("distortion_model: plumb_bob\n", "", "has no distortion_model"),
        ("data: [-0.3, 0.08, 1e-05, -4.5e-4, 0]", "data: [-9, 0, 0, 0, 0]", "fold the picture back"),
        ("data: [-0.3, 0.08, 1e-05, -4.5e-4, 0]", "data: 0.3", "distortion_coefficients is not a matrix"),
        ("data: [1, 0, 0, 0, 1, 0, 0, 0, 1]", "data: [1, 0, 0, 0, 1, 0, 0, 0, 0]", "rectification_matrix is singular"),
        ("data: [535.4, 0, 320.1, 0, 0, 539.2,", "data: [535.4, 0, 320.1, 0, 0, 0,", "projection_matrix is singular"),
    ],
)
def test_refused(old: str, new: str, why: str, tmp_path: Path) -> None:
    assert old in ROS
    with pytest.raises(InputError) as error:
        read(tmp_path, ROS.replace(old, new))
    assert why in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'camera.yaml'}: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("ours", "why"),
    [
        ("high", "lanestream is 'high', not a map"),
        ("{height: 1.3}", "lanestream has 'height', which it does not know: it takes height_m,"),
        ("{height_m: 130}", "lanestream.height_m is 130, not a length from 0.1 to 10 in metres"),
        ("{height_m: .nan}", "lanestream.height_m is not a finite number"),
        ("{vehicle_width_m: 0}", "vehicle_width_m is 0"),
        ("{camera_lateral_offset_m: left}", "camera_lateral_offset_m is 'left', not a number"),
        ("{extrinsics: {state: fine}}", "state is 'fine', not one of uncalibrated"),
        ("{extrinsics: {state: [valid]}}", "not one of uncalibrated"),
        ("{extrinsics: {state: valid, pitch_rad: 0.1}}", "has no pitch_rad_std beside pitch_rad"),
        ("{extrinsics: {state: valid, pitch_rad: 3, pitch_rad_std: 0.1}}", "it is in radians"),
        ("{extrinsics: {state: valid, pitch_rad: 0.1, pitch_rad_std: -1}}", "not below 0"),
        ("{extrinsics: {state: valid, time: 12}}", "is not a time"),
        ("{intrinsics: {fx_std: -1}}", "not below 0"),
        ("{intrinsics: {fz_std: 1}}", "has 'fz_std'"),
    ],
)
def test_refused_in_our_own_key(ours: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+$") as error:
        read(tmp_path, f"{ROS}lanestream: {ours}\n")
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 a photograph", "is not text in UTF-8"),
        (b"a: [1, 2", "is not YAML (line 1: "),
        (b"\x00", "is not YAML"),
        (b"- 1\n- 2\n", "holds no `key: value` lines"),
        (b"just text", "holds no `key: value` lines"),
        (b"a: 1\n---\nb: 2\n", "is not YAML"),
        (b"%YAML:1.0\na: 1\n", "is not YAML"),
        (b"a: 2026-13-45\n", "is not YAML"),
        (b"a: 1\na: 2\n", "has 'a' twice, the second time in line 2"),
        (b"[1, 2]: 3\n", "has a key in line 1 that is not a name"),
        (b"1: 3\n", "has a key in line 1 that is not a name"),
        (b"<<: {a: 1}\n", "has a key in line 1 that is not a name"),
        (b"a: !!python/object/apply:os.system [ls]\n", "has the tag 'tag:yaml.org,2002:python/object/apply:os.system' in line 1"),
        (b"a: !!opencv-matrix {rows: 1}\n", "has the tag"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\n", "uses an anchor or an alias in line 1"),
        (b"a: *nothing\n", "uses an anchor or an alias in line 1"),
        (b"a: " + 20000 * b"[" + 20000 * b"]", "is nested more than 16 levels deep"),
        (b"a: " + 12000 * b"{b: ", "nested more than 16"),
        (b"a: " + 5000 * b"9" + b"\n", "is not YAML"),
        (b"#" * (LARGEST + 1), "is larger than 64 KiB"),
    ],
)
def test_what_is_no_camera_file(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+$") as error:
        read(tmp_path, content)
    assert why in str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        CameraFile.read(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="is not a regular file"):
        CameraFile.read(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        CameraFile.read(tmp_path / ("x" * 5000))


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        FULL.write(tmp_path / "file" / "camera.yaml")


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        read(tmp_path_factory.getbasetemp(), raw)


@settings(deadline=None)
@given(
    st.integers(0, len(ROS) - 1), st.sampled_from(["", "x", "0", "-", ":", "[", "{", '"', "\n", "&a ", "*a", "!b ", "\t", ".nan", "1e999"])
)
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, place: int, damage: str) -> None:
    try:
        camera = read(tmp_path_factory.getbasetemp(), ROS[:place] + damage + ROS[place + 1 :])
    except InputError:
        return
    assert np.isfinite(camera.camera(camera.width, camera.height).rays((0.06 * camera.width, 0.06 * camera.height))).all()


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (3840, 2160), (854, 480), (1281, 721), (320, 180)])
def test_the_same_camera_in_another_size(size: tuple[int, int]) -> None:
    """A point of the world is at the same place of the picture, measured in pictures."""
    points = np.array([[12.0, y, z] for y in (-4.0, 0.0, 3.0) for z in (0.0, 2.0)])
    as_calibrated = (FULL.camera(1280, 720).project(points) + 0.5) / (1280, 720)
    scaled = (FULL.camera(*size).project(points) + 0.5) / size
    np.testing.assert_allclose(scaled, as_calibrated, atol=1e-12)


def test_deviations_scale_with_the_picture_and_coefficients_do_not() -> None:
    half = FULL.for_size(640, 360)
    assert dict(half.intrinsics_std) == {"fx": 0.4, "k3": 0.01}
    assert (half.rms_px, half.distortion, half.height_m) == (0.2, FULL.distortion, 1.3)


@pytest.mark.parametrize("size", [(640, 480), (720, 1280), (1920, 1088), (1280, 360), (1024, 768)])
def test_another_shape_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"1280x720, and frames of {size[0]}x{size[1]} have another shape: calibrate it with photographs"):
        FULL.camera(*size)


def test_how_it_is_mounted() -> None:
    assert FULL.camera(1280, 720).mount_height == 1.3
    assert BARE.camera(1280, 720, 1.1, pitch=0.1, yaw=0.2, roll=0.3).mount_height == 1.1
    placed = BARE.camera(1280, 720, pitch=0.1, yaw=0.2, roll=0.3)
    assert (placed.pitch, placed.yaw, placed.roll, placed.distortion) == (0.1, 0.2, 0.3, BARE.distortion)
