"""What lessons use: pictures told in words, and feedback that nobody sends but the reader."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import ipywidgets
import numpy as np
import pytest
import vibecheck as gadget
from PIL import Image

import bayesglm as bg
from bayesglm.teaching import DPI, feedback, show


@pytest.fixture
def service(monkeypatch):
    """Serve on this machine; return what was asked of it, request by request."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    named = {"url": f"http://127.0.0.1:{server.server_port}", "name": "class", "user_key": "k"}
    monkeypatch.setenv("BAYESGLM_FEEDBACK", json.dumps(named))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield asked
    server.shutdown()
    server.server_close()


def buttons_of(widget):
    """Return all buttons within a widget."""
    found = [widget] if isinstance(widget, ipywidgets.Button) else []
    for child in getattr(widget, "children", ()):
        found += buttons_of(child)
    return found


def test_a_picture_is_stored_with_its_words_and_its_figure_closed(monkeypatch):
    from matplotlib import pyplot as plt

    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    ax.imshow(np.linspace(0, 1, 400).reshape(20, 20))  # more colours than a picture keeps
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=DPI, bbox_inches="tight")
    show(figure, "a line that rises from 0 to 1")
    data, metadata = shown[0]._repr_mimebundle_()
    picture = base64.b64decode(data["image/png"])
    assert picture[:4] == b"\x89PNG"
    assert len(picture) < 0.6 * len(whole.getvalue())
    ours, theirs = (
        np.asarray(Image.open(one).convert("RGB"), dtype=int)
        for one in (io.BytesIO(picture), whole)
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 16
    assert metadata["image/png"]["alt"] == "a line that rises from 0 to 1"
    assert not plt.fignum_exists(figure.number)
    with pytest.raises(bg.DataError, match="in words"):
        show(bg.plot_prior(bg.Normal(1.0)), " ")
    assert len(shown) == 1


def test_nothing_is_asked_where_no_service_is_named(monkeypatch):
    shown = []
    monkeypatch.setattr(gadget, "display", shown.append)
    monkeypatch.delenv("BAYESGLM_FEEDBACK", raising=False)
    feedback("1.1 A section")
    assert shown == []


# Of vibecheck's own clock.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_nothing_is_sent_before_the_reader_presses(service, monkeypatch):
    shown = []
    monkeypatch.setattr(gadget, "display", shown.append)
    feedback("1.1 A section")
    assert len(shown) == 1
    assert service == []
    buttons = buttons_of(shown[0])
    assert len(buttons) == 4
    buttons[0].click()
    buttons[-1].click()
    assert service
    assert any(b"1.1 A section" in one for one in service if isinstance(one, bytes))


@pytest.mark.parametrize("text", ["{", "[]", '{"url": "x"}', "3"])
def test_a_service_that_is_named_wrongly_is_told(monkeypatch, text):
    monkeypatch.setenv("BAYESGLM_FEEDBACK", text)
    with pytest.raises(bg.DataError, match="BAYESGLM_FEEDBACK must be JSON"):
        feedback("1.1 A section")
