"""The page as text: what it may do, what stands in it, and names that try to be markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from simmig.view.document import make_document
from simmig.view.page import render_page
from simmig.view.recording import open_recording
from simmig.view.tracks import make_tracks

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self._inside = [], [], None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style", "title") else None
        if self._inside:
            self.texts.append([tag, ""])

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.texts[-1][1] += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def document_of(run):
    recording = open_recording(run.folder)
    return make_document(recording, make_tracks(recording.trace, recording.end_s))


@pytest.fixture(scope="module")
def document(street_run):
    return document_of(street_run)


def test_the_policy_allows_nothing_but_the_page_s_own_script_and_style(document):
    page = render_page([document])
    elements = Elements(page)
    policy = elements.of("meta")[1]["content"]
    allowed = re.findall(r"sha256-([\w+/=]+)", policy)
    texts = [text for tag, text in elements.texts if tag == "style"]
    texts += [
        text
        for (tag, text), attributes in zip(
            [t for t in elements.texts if t[0] == "script"], elements.of("script"), strict=True
        )
        if not attributes
    ]
    digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts}
    assert len(texts) == 2
    assert set(allowed) == digests
    assert re.sub(r"'sha256-[\w+/=]+'", "HASH", policy) == (
        "default-src 'none'; script-src HASH; style-src HASH; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_asked_of_any_server(document):
    elements = Elements(render_page([document]))
    assert {attributes["href"] for attributes in elements.of("link")} == {"data:,"}
    assert not any(
        key in attributes for _, attributes in elements.tags for key in ("src", "action", "style", "onclick")
    )
    script = "".join(text for tag, text in elements.texts if tag == "script")
    for word in ("http:", "https:", "fetch(", "XMLHttpRequest", "innerHTML", "insertAdjacentHTML", "eval(", "import("):
        assert word not in script


def test_the_same_run_gives_the_same_page(street_run):
    assert render_page([document_of(street_run)]) == render_page([document_of(street_run)])


def test_hostile_names_stay_in_the_data(document):
    hostile = {**document, "name": HOSTILE, "description": HOSTILE, "vehicles": [HOSTILE, *document["vehicles"][1:]]}
    honest, spoilt = Elements(render_page([document])), Elements(render_page([hostile]))
    assert [tag for tag, _ in spoilt.tags] == [tag for tag, _ in honest.tags]
    data = next(text for tag, text in spoilt.texts if tag == "script")
    assert json.loads(data)["vehicles"][0] == HOSTILE
    assert next(text for tag, text in spoilt.texts if tag == "title") == f"{HOSTILE} – simmig replay"


def test_two_runs_stand_side_by_side(document, campus_run):
    elements = Elements(render_page([document, document_of(campus_run)]))
    data = [json.loads(text) for tag, text in elements.texts if tag == "script" and text.startswith("{")]
    assert [each["name"] for each in data] == ["street", "campus-uav"]
    assert [each["isInSpace"] for each in data] == [False, True]


def test_the_document_has_the_zones_as_the_run_had_them(campus_run):
    rsus = {rsu["name"]: rsu for rsu in document_of(campus_run)["rsus"]}
    shapes = dict(zip(campus_run.rsus["rsu"], campus_run.rsus["shape"], strict=True))
    assert {name: rsu["shape"] for name, rsu in rsus.items()} == shapes
    for name, rsu in rsus.items():
        assert (rsu["ringsM"] is not None) == (shapes[name] == "polygon")
        assert (rsu["radiusM"] is None) == (shapes[name] == "polygon")
    assert any(rsu["highM"] is not None for rsu in rsus.values())
