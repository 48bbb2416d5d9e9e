"""The page that shows what is in a data set: what is counted, and what is found in data that is known to be wrong."""

from __future__ import annotations

import html
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'lanestream[plots]'")

from lanes.data.__main__ import main
from lanes.data.explore.duplicates import NEAR_DUPLICATE_BITS, difference_hash
from lanes.data.explore.findings import findings, shared_drives
from lanes.data.explore.page import draw_label, explore_page
from lanes.data.explore.survey import survey
from lanes.data.open import list_frames

QUIET = Console(quiet=True)
SIZE = (320, 180)


def road(seed: int) -> NDArray[np.uint8]:
    """A picture unlike that of any other seed."""
    blocks = np.random.default_rng(seed).integers(30, 220, (12, 20, 3)).astype(np.uint8)
    return cv2.resize(blocks, SIZE, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def lane(rows: slice = slice(100, 180), columns: slice = slice(150, 156)) -> NDArray[np.uint8]:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[rows, columns] = 255
    return mask


def write(root: Path, name: str, pixels: NDArray[np.uint8], mask: NDArray[np.uint8], quality: int = 95) -> None:
    """A frame in an image and mask folder; `name` is split/drive/frame."""
    for kind, suffix, image, options in (("images", "jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality]), ("masks", "png", mask, [])):
        path = root / kind / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image, options)
    (root / "dataset.json").write_text('{"definition": "ALL_PAINT", "licence": "CC0 <test>", "name": "roads"}')


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen good frames of four drives, and one of each kind of flaw."""
    root = tmp_path_factory.mktemp("data") / "flawed"
    for number in range(16):
        write(root, f"{'val' if number < 4 else 'train'}/drive{number // 4}/good{number:02d}", road(number), lane())
    write(root, "train/drive1/inverted", road(20), 255 - lane())
    write(root, "train/drive1/sky", road(21), lane(rows=slice(0, 40)))
    write(root, "train/drive1/empty", road(22), np.zeros(SIZE[::-1], np.uint8))
    small = cv2.resize(np.clip(road(2) * 0.9, 0, 255).astype(np.uint8), (200, 112), interpolation=cv2.INTER_AREA)
    write(root, "train/drive9/copy", small.astype(np.uint8), lane()[:112, :200].copy(), quality=40)
    write(root, "train/drive0/other", road(23), lane())  # drive0 is in val
    write(root, "train/drive3/broken", road(24), lane())
    (root / "images/train/drive3/broken.jpg").write_bytes(b"no picture")
    write(root, "train/drive3/short", road(25), lane()[:100])
    return root


def names(frames: list[str]) -> set[str]:
    return {Path(name).name for name in frames}


def test_every_flaw_is_found_and_nothing_else(flawed: Path) -> None:
    found = survey(list_frames(flawed), QUIET)
    kinds = {kind.anchor: names([found.frames[index].stem for index in kind.frames]) for kind in findings(found)}
    assert kinds == {"much": {"inverted"}, "sky": {"sky"}, "empty": {"empty"}, "near-duplicates": {"good02"}}
    ((held, other, bits),) = found.pairs
    assert names([found.frames[held].stem, found.frames[other].stem]) == {"good02", "copy"}
    assert bits <= NEAR_DUPLICATE_BITS / 2
    assert shared_drives(found) == ["roads: drive drive0 is in train and in val"]
    assert len(found.broken) == 2
    assert any("broken.jpg cannot be decoded" in text for text in found.broken)
    assert any("short: the mask is 320x100 but the image 320x180" in text for text in found.broken)


def test_where_the_camera_points_down_paint_in_the_upper_third_is_usual(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, f"train/down/{number}", road(number), lane(rows=slice(20, 180)))
    assert findings(survey(list_frames(tmp_path), QUIET)) == []


def test_counts_are_those_of_the_data(flawed: Path) -> None:
    found = survey(list_frames(flawed), QUIET)
    source = found.sources["roads"]
    assert sum(source.frames.values()) == len(found.frames) == 23
    assert source.frames["val", "drive0"] == 4
    assert source.sizes == {SIZE: 20, (200, 112): 1}
    good = next(index for index, frame in enumerate(found.frames) if frame.stem.endswith("good05"))
    assert found.share[good] == pytest.approx(80 * 6 / (320 * 180))
    assert found.brightness[good] == pytest.approx(cv2.cvtColor(road(5), cv2.COLOR_BGR2GRAY).mean(), abs=2)
    broken = [np.isnan(found.share[index]) for index, frame in enumerate(found.frames) if frame.stem.endswith(("broken", "short"))]
    assert broken == [True, True]


def test_the_page_is_complete_in_itself(flawed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", str(flawed), "--out", str(tmp_path / "report")]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(tmp_path / "report/index.html")
    assert re.search(r"2\s+Cannot be read", printed.err)
    page = (tmp_path / "report/index.html").read_text()
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]
    assert not re.findall(r'(?:src|href)="?(?!data:|#)(?:https?:|/|\.)', page)
    assert page.count("<img") >= 21
    text = html.unescape(page)
    for word in ("flawed (image and mask folder)", "CC0 <test>", "every painted stroke", "320x180 (20)", "roads/train/drive1/inverted"):
        assert word in text
    assert "CC0 <test>" not in page  # escaped
    anchors = set(re.findall(r'<a href="#([\w-]+)"', page))
    assert anchors == {"broken", "much", "sky", "empty", "near-duplicates", "shared"}
    assert anchors <= set(re.findall(r'id="([\w-]+)"', page))


def test_a_page_of_good_data_says_so(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path, f"{('train', 'val')[number]}/drive{number}/a", road(number), lane())
    page = explore_page("good", survey(list_frames(tmp_path), QUIET), QUIET)
    assert "Nothing: every frame can be read" in page


def test_data_of_which_nothing_can_be_read_still_gives_a_page(tmp_path: Path) -> None:
    write(tmp_path, "train/a/1", road(1), lane())
    (tmp_path / "images/train/a/1.jpg").write_bytes(b"")
    page = explore_page("bad", survey(list_frames(tmp_path), QUIET), QUIET)
    assert "1.jpg cannot be decoded" in page


def test_wrong_requests_are_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "imgs").mkdir()
    (tmp_path / "masks").mkdir()
    for arguments, message in (
        (["explore", str(tmp_path / "gone"), "--out", str(tmp_path / "out")], "is no folder"),
        (["explore", str(tmp_path), "--out", str(tmp_path / "out")], "(comma10k) lists no frame"),
    ):
        assert main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert message in printed.err
        assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_hash_stays_through_scaling_and_compression_and_tells_pictures_apart() -> None:
    for seed in range(10):
        grey = cv2.cvtColor(road(seed), cv2.COLOR_BGR2GRAY)
        _, code = cv2.imencode(".jpg", cv2.resize(grey, (213, 120), interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, 50])
        copy = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
        bits = difference_hash(grey)
        assert np.count_nonzero(bits != difference_hash(copy)) <= NEAR_DUPLICATE_BITS / 2
        assert np.count_nonzero(bits != difference_hash(cv2.cvtColor(road(seed + 100), cv2.COLOR_BGR2GRAY))) > NEAR_DUPLICATE_BITS


def test_what_is_drawn_is_the_label(tmp_path: Path) -> None:
    write(tmp_path, "train/a/1", np.full((180, 320, 3), 100, np.uint8), lane())
    (tmp_path / "ignore/train/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "ignore/train/a/1.png"), lane(columns=slice(250, 300)))
    drawn = draw_label(list_frames(tmp_path)[0]).astype(int)
    scale = drawn.shape[1] / 320
    at = [tuple(drawn[round(150 * scale), round(x * scale)] - 100) for x in (152.5, 275, 60)]
    assert at[0][1] > 50 > at[0][2]  # green
    assert min(at[1][0], at[1][2]) > 40 > at[1][1]  # magenta
    assert max(map(abs, at[2])) < 5


def test_real_frames_whose_mask_is_the_sky_are_found(shared: Path) -> None:
    frames = [frame for frame in list_frames(shared / "lanedata", "val") if frame.drive == "yt-_TqDU5dCl_Y"]
    (kind,) = findings(survey(frames, QUIET))
    assert kind.anchor == "much"
    assert len(kind.frames) == 2
