"""A tiny real run of the benchmark: everybody reads real pages, and every column has its figure. Nothing is timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.bench import rapidocr_server, report, tesseract
from evaluation.bench.bare import BareModels
from evaluation.bench.contender import Contender
from evaluation.bench.figures import Figures
from evaluation.bench.local_services import running_services
from evaluation.bench.pages import Variants, default_pages
from evaluation.bench.programme import FUNCTIONAL, Run
from evaluation.bench.rapidocr_peer import RapidOcrInProcess, unsearched
from evaluation.bench.rapidocr_server import RapidOcrServer
from evaluation.bench.services import BulkRoad, SyncApi
from evaluation.bench.tesseract import Tesseract
from evaluation.inprocess_models import weights_folder
from evaluation.peer import PeerEngine

pytestmark = [
    pytest.mark.timeout(420),
    pytest.mark.skipif(weights_folder() is None, reason="rapidocr is not installed"),
]
TINY = replace(FUNCTIONAL, window_s=0.5)


@pytest.fixture(scope="module")
def variants() -> Iterator[Variants]:
    # The receipt: the shorter of the two.
    with Variants(default_pages(quick=True)[1:]) as variants:
        yield variants


def measured(contenders: list[Contender], variants: Variants) -> Figures:
    figures = Figures(machine={}, pages=[page.name for page in variants.pages])
    run = Run(contenders, variants, TINY, figures)
    run.warm_up()
    run.one_caller()
    run.kept_busy()
    assert figures.absent == {}
    return figures


@pytest.mark.stack
def test_both_roads_and_the_bare_models_have_every_figure(variants: Variants, tmp_path: Path) -> None:
    with ExitStack() as exits:
        services = exits.enter_context(running_services(settings={}, log=tmp_path / "services.log"))
        figures = measured([SyncApi(services), BulkRoad(services), exits.enter_context(BareModels())], variants)
    sync, bulk, bare = (report.summary(figures, each) for each in figures.contenders.values())
    for road in (sync, bulk):
        assert road["one_minus_cer"] > 0.9
        assert road["failed"] == 0
        assert road["cpu_ms_models"] > road["cpu_ms_outside"] > 0
        assert road["pace_by_bare_models"] > 0
        assert road["peak_memory_mib"] > 300
    assert sync["latency_by_bare_models"] > 0
    assert bulk["p50_ms"] is None
    assert bare["one_minus_cer"] is None
    assert bare["cpu_ms_outside"] == 0
    assert "| bulk road |" in report.markdown(figures)


def peers(log: Path) -> dict[str, tuple[str | None, Contender]]:
    """By name: why it cannot be here, and the peer."""
    best = unsearched(PeerEngine.OPENVINO)
    return {
        "RapidOCR in process": (
            None,
            RapidOcrInProcess(
                report.OPENVINO_BEST, PeerEngine.OPENVINO, latency=best.latency, throughput=best.throughput
            ),
        ),
        "rapidocr_api": (
            rapidocr_server.unavailable(),
            RapidOcrServer(report.SERVER_ONNX, PeerEngine.ONNX_RUNTIME, workers=1, log=log),
        ),
        "rapidocr_api on OpenVINO": (
            rapidocr_server.unavailable(),
            RapidOcrServer(report.SERVER_OPENVINO, PeerEngine.OPENVINO, workers=1, log=log),
        ),
        "Tesseract": (tesseract.unavailable(), Tesseract()),
    }


@pytest.mark.parametrize("name", ["RapidOCR in process", "rapidocr_api", "rapidocr_api on OpenVINO", "Tesseract"])
def test_a_peer_reads_the_page_and_has_every_figure(name: str, variants: Variants, tmp_path: Path) -> None:
    reason, peer = peers(tmp_path / "peer.log")[name]
    if reason is not None:
        pytest.skip(reason)
    with peer if hasattr(peer, "__enter__") else nullcontext():
        figures = measured([peer], variants)
    found = report.summary(figures, figures.contenders[peer.name])
    assert found["one_minus_cer"] > (0.6 if name == "Tesseract" else 0.9)
    assert found["failed"] == 0
    assert found["p50_ms"] > 0
    assert found["pages_per_s"] > 0
    assert found["cpu_ms_outside"] > 0
    assert found["peak_memory_mib"] > 20
    if name == "RapidOCR in process":
        assert found["cpu_ms_models"] > found["cpu_ms_outside"]
    else:
        assert found["cpu_ms_models"] is None
