"""What axe finds wrong in the views: nothing, in light and dark. Pages saved from them stand in for
a notebook, so that all can be looked at in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import nbdl
from nbdl import nn
from tests.browser.views import violations

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each view."""
    x, y = RNG.random((64, 1, 8, 8), np.float32), np.arange(64) % 10
    table = RNG.random((64, 14), np.float32)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(None, 10))
    run = nbdl.train(
        net, (x, y), val=(x, y), epochs=12, batch_size=16, history=5, progress=False, store=False,
        metrics=["accuracy", "confusion_matrix"],
    )  # fmt: skip
    small = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    views: dict[str, Any] = {
        "dashboard": nbdl.inspect(run),
        "gradients": nbdl.inspect(run, gradients=True),
        "tensor": nbdl.inspect(nbdl.randn(4, 16, 16)),
        "activations": nbdl.inspect(small, on=np.array([[1.0, 2.0]], np.float32)),
        "graph": nbdl.inspect(net),
        "data": nbdl.inspect((x, y), (x[:9], y[1:10])),
        "tables": nbdl.inspect((table, y), (table[:9], y[:9])),
    }
    folder = tmp_path_factory.mktemp("pages")
    return {name: Path(view.save(folder / f"{name}.html")) for name, view in views.items()}


def opened(browser: Browser, path: Path, scheme: str) -> Page:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True,  # type: ignore[arg-type]
                                  reduced_motion="reduce")  # fmt: skip
    page = context.new_page()
    page.goto(path.as_uri())
    expect(page.locator(".nbdl").first).not_to_be_empty()
    page.wait_for_timeout(300)  # colours that change softly have changed
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["dashboard", "gradients", "tensor", "activations", "graph", "data", "tables"]
)
def test_axe_finds_nothing_wrong(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    page = opened(browser, pages[name], scheme)
    try:
        for view in page.locator(".nbdl").all():
            assert violations(view) == []
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_timeout(200)
            assert violations(page.locator(".nbdl").first) == []
    finally:
        page.context.close()


def test_nothing_moves_where_motion_is_not_wanted(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["dashboard"], "light")
    try:
        moving = page.locator(".nbdl").first.evaluate("""view => [...view.querySelectorAll("*")]
          .map(e => getComputedStyle(e)).filter(s => parseFloat(s.animationDuration) > 0.01
            && s.animationName !== "none" || parseFloat(s.transitionDuration) > 0.01).length""")
        assert moving == 0
    finally:
        page.context.close()
