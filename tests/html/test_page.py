"""Pages that are complete in themselves: what is text stays text, and every table is of one kind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from lanes.errors import InputError
from lanes.html import page
from lanes.html.page import TEMPLATES, check_pages, embed_image, plot, render, table

NASTY = "<b>&\"'</b>"


def test_words_stand_at_the_left_and_figures_at_the_right_with_their_headings() -> None:
    html = table(["layer", "kind", "ms", "change"], [["stem", "Conv", "1.5", "-0.2 (-0.3 to 0.1)"], ["head", "2d", "-", ""]])
    assert "<th>layer</th>" not in html
    for cell in ('<th class="text">layer</th>', '<td class="text">Conv</td>', '<td class="text">2d</td>', "<th>ms</th>", "<td>-</td>"):
        assert cell in html
    assert "<td>-0.2 (-0.3\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0.1)</td>" in html  # a range stays on one line
    assert table(["a"], []) == '<div class="scroll"><table>\n<tr><th>a</th></tr>\n</table></div>'


def test_a_head_that_names_nothing_is_left_out() -> None:
    assert "<th" not in table(["", ""], [["cores", "2"]])


def test_rows_have_their_kind_and_markup_stays_markup() -> None:
    html = table(["name", "ms"], [[Markup('<a href="#x">one</a>'), "1"], [NASTY, "2"]], ["strong", ""])
    assert '<tr class="strong"><td class="text"><a href="#x">one</a></td>' in html
    assert f'<tr><td class="text">{Markup.escape(NASTY)}</td>' in html


def test_text_is_escaped_wherever_it_comes_from() -> None:
    assert NASTY not in embed_image(np.zeros((4, 4, 3), np.uint8), NASTY)
    assert "data:image/jpeg;base64,/9j/" in embed_image(np.zeros((4, 4), np.uint8), "")
    figure = pytest.importorskip("matplotlib.figure").Figure()
    assert NASTY not in plot(figure, NASTY)
    assert plot(figure, "same") == plot(figure, "same")


def test_what_a_template_names_must_be_given() -> None:
    with pytest.raises(UndefinedError):
        render("base.html.j2")


def test_templates_are_files_of_the_package() -> None:
    assert (TEMPLATES / "base.html.j2").is_file()


def test_without_jinja2_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(InputError, match=r"pages need Jinja2: pip install 'lanestream\[plots\]'"):
        check_pages()
    page._environment.cache_clear()
