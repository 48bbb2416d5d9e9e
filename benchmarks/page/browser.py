"""A real Chromium that looks at the page, and how old each picture was when it was painted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from lanes.errors import InputError, ProcessingError

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900")
FIRST_PICTURE_S = 60.0

TAKE = "return window.lanestream ? lanestream.ages.splice(0) : []"


def check_browser() -> None:
    """Raises InputError, which says what to install, where there is no Chromium or nothing to drive it with."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        raise InputError("the page is measured in Chromium, driven by Selenium: pip install selenium") from None
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        raise InputError("the page is measured in Chromium: apt-get install chromium chromium-driver")


@contextmanager
def browsing(port: int) -> Iterator[Callable[[], list[float]]]:
    """A browser that shows the page.

    Yields:
        Gives the ages of the pictures painted since the last call, milliseconds from arrival to painted.

    Raises:
        ProcessingError: it shows no picture.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in FLAGS:
        options.add_argument(flag)
    driver: Any = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(f"http://127.0.0.1:{port}/")
        deadline = monotonic() + FIRST_PICTURE_S
        while not driver.execute_script(TAKE):
            if monotonic() > deadline:
                raise ProcessingError("Chromium shows no picture of the page")
            sleep(0.1)
        yield lambda: [float(age) for age in driver.execute_script(TAKE)]
    finally:
        driver.quit()
