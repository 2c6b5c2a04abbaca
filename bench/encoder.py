"""The local sentence encoder beside other ways to compute its vectors: `make bench-encoder`.

Requests of CLINC150: time of one and of many, memory, likeness to float32, and what the difference
means for a router by nearest centroids. Each way runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from bench.report import machine, progress, show, write
from bench.router_clock import clocked, resident_mb
from bench.router_data import draw, load
from models.encoder import Encoder
from models.encoder.published import folder
from runtime.canonical import Json
from runtime.settings import ROOT

WAYS = (
    "ours",
    "ours, two threads",
    "onnxruntime int8, one scale",
    "onnxruntime float32",
    "numpy float32",
)
SHOTS, SEED = 10, 1
COLUMNS = {
    "p50 ms": "latency_ms_p50",
    "p99 ms": "latency_ms_p99",
    "batch ms": "batch_ms_each",
    "open s": "open_s",
    "MB": "added_mb",
    "beside others": "batch_differs_by",
    "cosine": "cosine_mean",
    "least": "cosine_least",
    "accuracy": "accuracy",
}


def main() -> None:
    """Measure every way and write `bench/results/encoder.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a sample, for a first look")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        sys.stdout.write(json.dumps(_measured(chosen.way, chosen.vectors, small=chosen.small)))
        return
    rows = _all(small=chosen.small)
    table = [[way, *(row[figure] for figure in COLUMNS.values())] for way, row in rows.items()]
    show("Sentence encoder", ["way", *COLUMNS], table)
    figures = {**machine("onnxruntime", "tokenizers", "numpy"), "ways": rows}
    progress(f"written to {write('encoder', figures, small=chosen.small)}")


def _all(*, small: bool) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    kept = ROOT / ".switchyard" / "bench-encoder.npy"
    kept.parent.mkdir(exist_ok=True)
    for way in WAYS:
        progress(way)
        command = [sys.executable, "-m", "bench.encoder", "--way", way, "--vectors", str(kept)]
        if small:
            command.append("--small")
        answer = subprocess.run(
            command,
            cwd=ROOT,
            # numpy's own threads, which it starts when it is imported.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            check=True,
            timeout=1_800,
        )
        found[way] = json.loads(answer.stdout)
        vectors[way] = np.load(kept)
    kept.unlink()
    for way, row in found.items():
        likeness = (vectors[way] * vectors[WAYS[-1]]).sum(axis=1)
        row["cosine_mean"] = round(float(likeness.mean()), 4)
        row["cosine_least"] = round(float(likeness.min()), 4)
    return found


def _measured(way: str, vectors: Path, *, small: bool) -> dict[str, Json]:
    """One way in this process. Its vectors go into a file."""
    data = load("clinc150", "val")
    sample = draw(data, SHOTS, SEED)
    asked = data.asked[:: 15 if small else 3]
    texts = [text for text, _ in asked]
    examples = list(sample.texts)[:: 10 if small else 1]
    held = resident_mb()
    found = folder()
    if found is None:
        raise SystemExit("The encoder's weights are not installed. Run `make install` first.")
    began = perf_counter()
    # Late on purpose: the memory of the imports is part of what is measured.
    from bench.encoder_variants import VARIANTS  # noqa: PLC0415

    encoder = VARIANTS[way](found)
    opened = perf_counter() - began
    times = clocked(lambda text: encoder.encode([text]), texts)
    began = perf_counter()
    learnt = encoder.encode(examples)
    batch = (perf_counter() - began) / len(examples) * 1000
    memory = resident_mb() - held
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.save(vectors, alone)
    labels = sample.labels[:: 10 if small else 1]
    right = _nearest(learnt, labels, alone) == sample.numbers(asked)
    return {
        **times,
        "batch_ms_each": round(batch, 3),
        "open_s": round(opened, 2),
        "added_mb": round(memory),
        "batch_differs_by": float(f"{_differs(encoder, texts, alone):.1e}"),
        "accuracy": round(float(right.mean()), 4),
    }


def _nearest(
    learnt: NDArray[np.float32], labels: NDArray[np.intp], rows: NDArray[np.float32]
) -> NDArray[np.intp]:
    """The intent whose mean vector is nearest."""
    means = np.stack([learnt[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray((rows @ means.T).argmax(axis=1), dtype=np.intp)


def _differs(encoder: Encoder, texts: list[str], alone: NDArray[np.float32]) -> float:
    """How far a vector moves when other texts are encoded with its own."""
    return float(np.abs(encoder.encode(texts) - alone).max())


if __name__ == "__main__":
    main()
