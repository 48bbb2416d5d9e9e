"""A small data set of each format: two frames or more, the label a line at column 63 or so."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 128, 72


BLACK = np.zeros((HEIGHT, WIDTH), np.uint8)


def save(path: Path, image: NDArray[np.uint8] | None = None) -> Path:
    """Writes an image, a grey picture by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8) if image is None else image)
    return path


def stripe(value: int = 255, columns: slice = slice(60, 66)) -> NDArray[np.uint8]:
    mask = BLACK.copy()
    mask[30:, columns] = value
    return mask


def coloured(**columns: int) -> NDArray[np.uint8]:
    """A colour-coded label: bands 16 pixels wide of 0xRRGGBB, in the order given."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, colour in enumerate(columns.values()):
        image[:, 16 * index : 16 * index + 16] = [colour & 255, colour >> 8 & 255, colour >> 16]
    return image


def write_statements(root: Path, **sources: dict[str, object]) -> None:
    """The sources.json of a lanedata folder, with the licence of each left to the default."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "sources.json").write_text(json.dumps({name: {"licence": "my own"} | statement for name, statement in sources.items()}))


def write_lanedata(root: Path) -> None:
    write_statements(root, udacity_ego={"definition": "C"})
    for split in ("train", "val"):
        save(root / f"udacity_ego/images/{split}.jpg")
        save(root / f"udacity_ego/masks/{split}.png", stripe())
    with (root / "index.csv").open("w", newline="") as file:
        rows = [["udacity_ego", split, f"drive-{split}", split] for split in ("train", "val")]
        csv.writer(file).writerows([["source", "split", "sequence", "stem"], *rows])


ROWS = [20, 30, 40, 50, 60, 70]


def tusimple_line(raw_file: str = "clips/0313-1/6040/20.jpg", lanes: object = None, h_samples: object = None) -> str:
    label = {"raw_file": raw_file, "lanes": [[-2, -2, 63, 63, 63, 63]] if lanes is None else lanes, "h_samples": h_samples or ROWS}
    return json.dumps(label) + "\n"


def write_tusimple(root: Path) -> None:
    for name, clip in (("label_data_0313", "0313-1/6040"), ("label_data_0531", "0531/1492"), ("test_label", "0530/77")):
        save(root / f"clips/{clip}/20.jpg")
        (root / f"{name}.json").write_text(tusimple_line(f"clips/{clip}/20.jpg"))


def write_culane(root: Path) -> None:
    (root / "list").mkdir(parents=True)
    for split in ("train_gt", "val_gt", "test"):
        image = f"driver_23_30frame/{split}.MP4/00000.jpg"
        save(root / image)
        (root / image).with_suffix(".lines.txt").write_text("63 70 63 60 63 50 63 40 \n")
        (root / f"list/{split}.txt").write_text(f"/{image} /laneseg_label_w16/{split}.png 0 1 0 0\n" if "gt" in split else f"/{image}\n")


def write_bdd100k(root: Path) -> None:
    for split, name in (("train", "0000f77c-6257be58"), ("val", "b1c9c847-3bda4659")):
        save(root / f"images/100k/{split}/{name}.jpg")
        mask = np.full_like(BLACK, 255)
        mask[30:, 60:66] = 6
        save(root / f"labels/lane/masks/{split}/{name}.png", mask)


def write_camvid(root: Path) -> None:
    for stem in ("0006R0_f00930", "0001TP_006690"):
        save(root / f"701_StillsRaw_full/{stem}.png")
        label = coloured(sky=0x808080, road=0x804080)
        label[30:, 60:66] = [192, 0, 128]
        save(root / f"LabeledApproved_full/{stem}_L.png", label)


COMMA = ("imgs/0000_0085e9e41513078a_2018-08-19--13-26-08_11_864", "imgs2/00001_e_20f59690c1da9379_2021-02-08--17-31-49_10_259")


def write_comma10k(root: Path) -> None:
    for name in COMMA:
        save(root / f"{name}.png")
        mask = coloured(**{f"road{n}": 0x402020 for n in range(8)})
        mask[30:, 60:66] = [0, 0, 255]
        save(root / f"{name.replace('imgs', 'masks')}.png", mask)


STATEMENT = '{"definition": "EGO_PAINT", "licence": "my own", "name": "mine"}'


def write_folder(root: Path, names: tuple[str, ...] = ("a/1", "a/2", "b/1")) -> None:
    for name in names:
        save(root / f"images/{name}.jpg")
        save(root / f"masks/{name}.png", stripe())
    (root / "dataset.json").write_text(STATEMENT)
