"""The dashboard in a real browser: what it shows while requests come, and that no text becomes markup.

Chromium is looked for at POINTSMAN_CHROMIUM, on the path (Debian's package `chromium`), and where `playwright install chromium` puts
it. Without one these tests are skipped, or fail where CI is set. POINTSMAN_DASHBOARD_SECONDS says how long requests come while a page
is looked at (3; `just test-dashboard` takes 60), POINTSMAN_SCREENSHOTS names a folder for pictures.
"""

import base64
import json
import os
import random
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import PATIENCE, PATIENT_CLASSIFIER, Sidecar

CHROMIUM = os.environ.get("POINTSMAN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = float(os.environ.get("POINTSMAN_DASHBOARD_SECONDS", "3"))
MUST_RUN = os.environ.get("CI", "") not in ("", "0", "false")
PICTURES = os.environ.get("POINTSMAN_SCREENSHOTS")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
           --disable-component-update --disable-sync""".split()

# A name and a prompt that would be markup, were they not shown as text.
HOSTILE_NAME = "<b id=injected>mid"
HOSTILE_PROMPT = "<img src=x onerror=\"document.title='injected'\"> Prove that <b id=injected>7</b> is prime"

CONFIG = """
[models]
cheap  = {{ use = "demo/small", price = {{ input = 0.3, output = 1.2 }} }}
"{name}" = {{ use = "demo/medium", price = {{ input = 1.5, output = 6.0 }} }}
strong = {{ use = "demo/large", price = {{ input = 5.0, output = 25.0 }} }}
gone   = "gone/away"

[providers.gone]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"

[route]
default    = "{name}"
unsure     = ["strong", "{name}"]
talk       = "cheap"
text       = "cheap"
create     = "{name}"
code       = ["{name}", "strong"]
think      = ["strong", "{name}"]
translation = ["gone", "cheap"]
"translation.easy" = ["gone", "cheap"]
"*.easy"   = "cheap"
"*.hard"   = ["strong", "{name}"]
"*.expert" = "strong"

[tables.frugal]
default = "cheap"

[record]
prompts = "full"
""" + PATIENT_CLASSIFIER

PROMPTS = [
    "hi there, how are you?",
    "What is the capital of Mongolia?",
    "Summarise in two sentences: The river rose overnight and the lower streets were under water by dawn.",
    "Extract all dates from: We met on 3 May 2024 and again on 7 June.",
    "Translate into German: The train is late again.",
    "Rewrite this more politely: send me the report now",
    "Is this review positive or negative? The food was cold and the waiter rude.",
    "Give me ten ideas for a birthday party in a small flat",
    "Write a haiku about rain",
    "Write a Python function that merges two sorted lists",
    "Fix the bug: for i in range(len(xs)): xs.remove(xs[i])",
    "What does `git rebase --onto` do?",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "Prove that there are infinitely many primes",
    "What is 17 * 23?",
    "If all bloops are razzies and some razzies are lazzies, are some bloops lazzies?",
    "Plan a three-week trip through Japan by train with two children",
    "Derive the posterior of a hierarchical Gaussian model with unknown variances and show it is proper",
    "asdkjh qwe zxcmnb 123 kjh",
    "今日の天気はどうですか",
    "",
    HOSTILE_PROMPT,
]

pytestmark = pytest.mark.filterwarnings("always")


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright import sync_api as api
    except ImportError:
        cannot_be_tested("playwright is not installed: tests/clients/requirements.txt")
    api.expect.set_options(timeout=PATIENCE * 1000)
    with api.sync_playwright() as playwright:
        program = CHROMIUM or playwright.chromium.executable_path
        if not Path(program).is_file():
            cannot_be_tested("no chromium: install Debian's package, run `playwright install chromium`, or set POINTSMAN_CHROMIUM")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def cannot_be_tested(why):
    """Fails where nobody would read that something was skipped, else skips aloud."""
    if MUST_RUN:
        pytest.fail(why)
    warnings.warn(f"THE DASHBOARD WAS NOT TESTED: {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A sidecar that has answered requests for a while, and how many."""
    sidecar = Sidecar(tmp_path_factory.mktemp("dashboard"), CONFIG.format(name=HOSTILE_NAME))
    sent = send(sidecar, 3)
    yield sidecar, sent
    sidecar.end()


def send(sidecar, seconds):
    """Has prompts answered by three clients for so long; each prompt at least once. Returns how many."""
    counts = []

    def client(seed):
        chance, number, until = random.Random(seed), 0, time.monotonic() + seconds
        while time.monotonic() < until or number < len(PROMPTS):
            text = PROMPTS[number] if number < len(PROMPTS) else chance.choice(PROMPTS)
            body = {"model": "auto", "messages": [{"role": "user", "content": text}], "stream": chance.random() < 0.5}
            body |= {"stream_options": {"include_usage": True}} if body["stream"] else {}
            request = urllib.request.Request(f"{sidecar.url}/v1/chat/completions", json.dumps(body).encode())
            urllib.request.urlopen(request).read()
            number += 1
            time.sleep(chance.expovariate(8))
        counts.append(number)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sum(counts)


@pytest.fixture
def open_page(browser):
    """Opens pages whose console is to stay silent."""
    said, contexts = [], []

    def begin(url, width=1440, height=900, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: request.url.startswith(url) or said.append(f"asks {request.url}"))
        page.goto(url + "/")
        return page

    yield begin
    for context in contexts:
        context.close()
    assert said == []


def picture(page, name):
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def number_of(page, tile):
    text = page.locator(".tile", has=page.get_by_text(tile, exact=True)).locator("b").inner_text()
    return int(text.replace(",", ""))


def test_without_traffic_it_says_so(open_page, start, tmp_path):
    sidecar = start(Sidecar, tmp_path)
    page = open_page(sidecar.url)
    page.get_by_text("No request has been routed yet").first.wait_for()
    assert number_of(page, "decisions") == 0
    assert page.locator("#windows input:disabled").count() == 3, "windows that need records"
    assert "No model of the table has a price" in page.locator("#money").inner_text()


def test_what_it_shows_is_what_was_sent(open_page, busy):
    from playwright.sync_api import expect

    sidecar, sent = busy
    page = open_page(sidecar.url)
    page.locator("#decisions li button").first.wait_for()
    assert number_of(page, "decisions") == sent
    cells = page.locator("#matrix .number").all_inner_texts()
    assert sum(int(text.replace(",", "")) for text in cells if text != "·") == sent
    models = page.locator("#models tbody tr")
    assert "strong" in models.all_inner_texts()[0] + models.all_inner_texts()[1] + models.all_inner_texts()[2]
    assert page.locator(".tile.good b").inner_text().startswith("$")
    assert "coin" in page.locator("#mix").inner_text()
    assert "upstream unreachable" in page.locator("#errors").inner_text()
    assert "gone/away" in page.locator("#errors").inner_text(), "the model that is left alone"
    assert page.locator("#abstained li").count() >= 1
    assert page.locator("#times tbody tr").count() == 5
    send(sidecar, 0)
    expect(page.locator(".tile b").first).to_have_text(f"{sent + 3 * len(PROMPTS):,}")


def test_it_keeps_up_with_live_traffic(start, open_page, tmp_path):
    from playwright.sync_api import expect

    sidecar = start(Sidecar, tmp_path, CONFIG.format(name="mid"))
    page = open_page(sidecar.url)
    page.locator(".tile").first.wait_for()
    seen = [number_of(page, "decisions")]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, sidecar, SECONDS)
        while not sending.done():
            page.wait_for_timeout(500)
            seen.append(number_of(page, "decisions"))
    sent = sending.result()
    expect(page.locator(".tile b").first).to_have_text(f"{sent:,}")
    assert seen[0] == 0 and seen == sorted(seen), seen
    # The page asks every two seconds; a busy machine may be slower than that, but not stand still.
    assert len({*seen, sent}) > SECONDS / 10, seen
    assert page.locator("#decisions > li").count() > 0
    picture(page, "live")


def test_a_prompt_lights_up_its_cell(open_page, busy):
    from playwright.sync_api import expect

    sidecar, _ = busy
    page = open_page(sidecar.url)
    page.locator("#decisions li button").first.wait_for()
    before = number_of(page, "decisions")
    page.keyboard.press("/")
    page.keyboard.type("Prove that there are infinitely many primes")
    page.locator("#verdict .answer").wait_for()
    body = json.dumps({"text": "Prove that there are infinitely many primes"}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{sidecar.url}/v1/classify", body)) as response:
        labels = json.load(response)
    lit = page.locator("#matrix [aria-current=true]")
    # What was typed first has labels of its own until the whole prompt has some.
    expect(lit).to_have_attribute("title", re.compile("^" + re.escape(f"{labels['task']}.{labels['band']} → ")))
    assert lit.count() == 1
    assert lit.get_attribute("title").startswith(f"{labels['task']}.{labels['band']} → {page.locator('.answer b').inner_text()}")
    assert page.locator("#verdict .rows .decided").count() == 1
    assert "runner-up" in page.locator("#verdict").inner_text()
    page.locator("#table-name").select_option("frugal")
    expect(page.locator(".answer b").first).to_have_text("cheap")
    page.locator("#prompt").fill("")
    expect(page.locator("#matrix [aria-current]")).to_have_count(0)
    assert number_of(page, "decisions") == before, "trying leaves no trace"


def test_no_text_becomes_markup(open_page, busy):
    sidecar, _ = busy
    page = open_page(sidecar.url)
    page.locator("#decisions li button").first.wait_for()
    page.locator("#prompt").fill(HOSTILE_PROMPT)
    page.locator("#verdict .answer").wait_for()
    rows = page.locator("#decisions > li")
    shown = ""
    for place in range(min(rows.count(), 25)):
        rows.nth(place).locator("button").click()
        rows.nth(place).locator("dl").wait_for()
        shown += rows.nth(place).locator(".prompt").inner_text()
    assert HOSTILE_PROMPT in shown and HOSTILE_NAME in page.locator("#models").inner_text()
    assert page.locator("#injected").count() == 0 and page.locator("main img").count() == 0
    assert page.title() == "Pointsman"


def test_it_can_be_used_by_keyboard(open_page, busy):
    sidecar, _ = busy
    page = open_page(sidecar.url)
    page.locator("#decisions li button").first.wait_for()
    page.locator("#windows input:checked").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#windows input:checked").get_attribute("value") == "1h"
    page.keyboard.press("ArrowRight")
    page.get_by_text("from records").wait_for()
    assert number_of(page, "decisions") > 0
    button = page.locator("#decisions li button").nth(3)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    page.locator("#decisions li").nth(3).locator("dl").wait_for()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "false"
    without_name = page.eval_on_selector_all(
        "button, input, select, textarea, [role=region], [role=img]",
        "all => all.filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)",
    )
    assert without_name == []


@pytest.mark.parametrize("name, width, scheme", [("light", 1440, "light"), ("dark", 1440, "dark"), ("narrow", 390, "light")])
def test_it_fits_light_and_dark_and_narrow(open_page, busy, name, width, scheme):
    sidecar, _ = busy
    page = open_page(sidecar.url, width=width, color_scheme=scheme)
    page.locator("#decisions li button").first.wait_for()
    page.locator("#prompt").fill("Prove that there are infinitely many primes")
    page.locator("#verdict .answer").wait_for()
    page.locator("#decisions li button").first.click()
    page.locator("#decisions li dl").first.wait_for()
    page.locator("#matrix [aria-current=true]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] < 80")
    assert dark == (scheme == "dark")
    picture(page, name)


def test_a_request_that_names_its_model_is_shown(open_page, start, tmp_path):
    from playwright.sync_api import expect

    sidecar = start(Sidecar, tmp_path, CONFIG.format(name="mid"))
    for model in ("strong", "demo/<b id=injected>other", "demo/another"):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{sidecar.url}/v1/chat/completions", body)).read()
    page = open_page(sidecar.url)
    rows = page.locator("#decisions > li")
    expect(rows).to_have_count(3)
    assert "named a model" in rows.nth(0).inner_text() and "demo/another" in rows.nth(0).inner_text()
    rows.nth(1).locator("button").click()
    assert "counted as demo/*" in rows.nth(1).locator("dl").inner_text()
    named = page.locator("#models table.named tbody tr")
    assert [text.split()[:2] for text in named.all_inner_texts()] == [["demo/*", "2"], ["strong", "1"]]
    assert "3 requests named a model" in page.locator(".tile").first.inner_text()
    assert number_of(page, "decisions") == 0 and page.locator("#injected").count() == 0
    picture(page, "named")


def test_elsewhere_it_wants_its_key(browser, open_page, start, tmp_path):
    config = "[dashboard]\nkey_env = \"DASHBOARD_KEY\"\n" + CONFIG.format(name="mid")
    sidecar = start(Sidecar, tmp_path, config, {"DASHBOARD_KEY": "planted-dashboard-key"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(sidecar.url)
    assert refused.value.code == 401 and refused.value.headers["www-authenticate"].startswith("Basic")
    login = base64.b64encode(b"me:planted-dashboard-key").decode()
    with urllib.request.urlopen(urllib.request.Request(sidecar.url, headers={"authorization": f"Basic {login}"})) as response:
        assert response.status == 200
    page = open_page(sidecar.url, http_credentials={"username": "me", "password": "planted-dashboard-key", "send": "always"})
    page.get_by_text("No request has been routed yet").first.wait_for()
    sidecar.end()
    assert "planted-dashboard-key" not in "".join(sidecar.lines)


def test_a_sidecar_that_goes_away_is_said_so(browser, start, tmp_path):
    sidecar = start(Sidecar, tmp_path, CONFIG.format(name="mid"))
    page = browser.new_page()
    page.goto(sidecar.url + "/")
    page.locator(".tile").first.wait_for()
    sidecar.end()
    page.get_by_text("The figures are not up to date").wait_for(timeout=PATIENCE * 1000)
    page.close()
