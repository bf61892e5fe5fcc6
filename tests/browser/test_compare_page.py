"""The page that `glyphline compare` writes, opened as a file in headless Chromium."""

import pytest


@pytest.fixture(scope="module")
def report(two_models, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "compare.html"
    two_models.glyphline("compare", "HEAD", "shorter", "--html", str(path))
    return path


@pytest.fixture
def opened(browser, report):
    """`opened(width)`: the page, the URLs that it requested, and the messages in its console."""
    pages = []

    def open_(width):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        requests, messages = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(report.as_uri(), wait_until="networkidle")
        return page, requests, messages

    yield open_
    for page in pages:
        page.close()


def test_it_requests_nothing_and_logs_nothing_to_the_console(opened, report):
    _, requests, messages = opened(1200)
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert messages == []


def test_every_picture_is_there(opened):
    page, _, _ = opened(1200)
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
    assert len(widths) > 2
    assert min(widths) > 0
    assert page.get_by_role("heading", name="Parameters that differ").is_visible()


def test_it_is_legible_on_a_phone(opened):
    page, _, _ = opened(390)
    # Tables may be pushed sideways inside their frames; the page itself may not.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.eval_on_selector_all(
        "p, td, th, li span, h1, h2, h3", "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12
    for picture in page.locator(".curves img").all():
        assert 300 <= picture.bounding_box()["width"] <= 390
