"""INT8 of a model's heavy products: what each takes is rounded to 256 levels, its weights to 255 a channel.

Post-training quantisation of chosen layers alone, by inserting ``FakeQuantize`` operations, which OpenVINO's CPU plugin
turns into INT8 kernels. Ranges come from calibration samples; a correction of each channel's mean takes back what
rounding shifts on average. docs/adr/0014-int8-of-parts.md says why parts only, and why no library does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 256
_WEIGHT_LEVELS = 255  # -127 to 127: symmetric, so that no zero point is carried through the sums
_SAMPLED_VALUES = 512
"""Of each layer's input, from each sample: what the choice of a range is made on."""
_CLIPPINGS = tuple(step / 40 for step in range(20, 41))
"""Shares of an extreme that a range may be cut to."""
_MIN_SHARE = 0.005
_MIN_SHARE_OF_ANY = 0.1
"""Of all convolutions' multiply-adds: what a pointwise one, or any, must have to be worth its rounding."""
_MIN_CHANNELS = 96
# One thread: sums of several come out in another order each time, and with them, now and then, another range.
CALIBRATION_CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
_JUDGED_SAMPLES = 30
"""How many show which layers bear rounding worst."""


class CannotQuantise(Exception):
    """The model has not the layers that are to be quantised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a layer's input is clipped to; zero is always one of its levels."""

    low: float
    high: float


@dataclass(slots=True)
class _Seen:
    """What calibration saw of one layer's input."""

    values: list[NDArray[np.float32]] = field(default_factory=list)
    mean_sum: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    """Of each channel."""
    count: int = 0
    low: float = 0.0
    high: float = 0.0

    def add(self, taken: NDArray[np.float32], channel_axis: int, random: np.random.Generator) -> None:
        flat = taken.reshape(-1)
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.values.append(random.choice(flat, min(flat.size, _SAMPLED_VALUES), replace=False))
        others = tuple(axis for axis in range(taken.ndim) if axis != channel_axis % taken.ndim)
        self.mean_sum = self.mean_sum + taken.sum(axis=others, dtype=np.float64)
        self.count += taken.size // taken.shape[channel_axis]

    def extremes(self) -> tuple[NDArray[np.float32], float, float]:
        return np.concatenate(self.values), self.low, self.high

    def means(self) -> NDArray[np.float64]:
        return self.mean_sum / max(1, self.count)


def heavy_products(model: ov.Model, *, shape: Sequence[int]) -> list[str]:
    """Names of the convolutions to quantise, in the model's order, judged by their work on an input of that shape.

    Pointwise ones between many channels, and others where a good part of the whole lies in one. Depthwise ones wait for
    memory, not for multiplications. Early layers, with few channels and large kernels, cost more accuracy than they
    give speed: five of the detector's take the worst page's mask IoU from 0.99 to 0.93.
    """
    fixed = model.clone()
    fixed.reshape(list(shape))
    convolutions = [node for node in fixed.get_ordered_ops() if node.get_type_name() == "Convolution"]
    work = [float(np.prod(node.output(0).get_shape()) * np.prod(_weights(node).shape[1:])) for node in convolutions]
    return [
        node.get_friendly_name()
        for node, products in zip(convolutions, work, strict=True)
        if products >= sum(work) * _MIN_SHARE_OF_ANY
        or (products >= sum(work) * _MIN_SHARE and _is_wide_and_pointwise(_weights(node)))
    ]


def _is_wide_and_pointwise(weights: NDArray[np.float32]) -> bool:
    outputs, inputs, *kernel = weights.shape
    return kernel == [1, 1] and min(outputs, inputs) >= _MIN_CHANNELS


def quantise(
    model: ov.Model, layers: Sequence[str], samples: Sequence[NDArray[Any]], *, clip: bool, leave_out: int = 0
) -> ov.Model:
    """A copy of the model with these layers in INT8.

    Args:
        model: Dynamic in its shape, as read.
        layers: Names of convolutions, or of products with a constant.
        samples: Inputs of the model, batch 1 each. They are run twice.
        clip: Whether a range may leave out extremes where that loses less in all. Not for a detector: most of a page
            is paper, and what little is text has the extremes (mask IoU 0.969 with clipping, 0.994 without).
        leave_out: How many of the layers to leave as they are: those that bear it worst.

    Raises:
        CannotQuantise: a layer is not there, or is nothing that could be quantised.
    """
    seen = _observe(model, layers, samples)
    ranges = {name: choose_range(*seen[name].extremes(), clip=clip) for name in layers}
    rounded = _observe(model, layers, samples, ranges)
    shifts = {}
    for name, node in _named(model, layers).items():
        weights = _weights(node)
        wanted = _mean_products(weights, seen[name].means(), node)
        shifts[name] = wanted - _mean_products(round_weights(weights, node), rounded[name].means(), node)
    if leave_out:
        worst = _most_sensitive(model, ranges, shifts, samples[:_JUDGED_SAMPLES])[:leave_out]
        ranges = {name: within for name, within in ranges.items() if name not in worst}
    return _with_int8(model, ranges, shifts)


def _most_sensitive(
    model: ov.Model,
    ranges: Mapping[str, Range],
    shifts: Mapping[str, NDArray[np.float64]],
    samples: Sequence[NDArray[Any]],
) -> list[str]:
    """The layers, that first whose rounding alone changes the model's first output most."""
    wanted = _first_output(model, samples)

    def damage(name: str) -> float:
        got = _first_output(_with_int8(model, {name: ranges[name]}, shifts), samples)
        return sum(float(np.square(a - b, dtype=np.float64).sum()) for a, b in zip(wanted, got, strict=True))

    return sorted(ranges, key=damage, reverse=True)


def _first_output(model: ov.Model, samples: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    request = ov.Core().compile_model(model, "CPU", CALIBRATION_CONFIG).create_infer_request()
    return [request.infer([sample])[0].copy() for sample in samples]


def choose_range(values: NDArray[np.float32], low: float, high: float, *, clip: bool = True) -> Range:
    """``low`` to ``high``, or the clipping of it whose 256 levels lose least of these values, by squared error."""
    if not clip:
        return _with_zero(low, high)

    def loss(bottom: float, top: float) -> float:
        kept = fake_quantise(values, _with_zero(low * bottom, high * top))
        return float(np.square(values - kept, dtype=np.float64).sum())

    bottom = top = 1.0
    for _ in range(2):  # one end after the other: the grid of both would take ten times as long
        top = min(_CLIPPINGS, key=lambda tried: loss(bottom, tried))
        if low < 0.0:
            bottom = min(_CLIPPINGS, key=lambda tried: loss(tried, top))
    return _with_zero(low * bottom, high * top)


def fake_quantise(values: NDArray[np.float32], within: Range) -> NDArray[np.float32]:
    """What the values become."""
    step = (within.high - within.low) / (LEVELS - 1)
    if step <= 0:
        return np.zeros_like(values)
    clipped = np.clip(values, within.low, within.high)
    return np.asarray(np.rint((clipped - within.low) / step) * step + within.low, np.float32)


def _with_zero(low: float, high: float) -> Range:
    """The range, moved by less than a step so that zero is one of its levels: padding and ReLU stay exact."""
    low, high = min(low, 0.0), max(high, 1e-6)
    step = (high - low) / (LEVELS - 1)
    below = round(-low / step)
    return Range(low=-below * step, high=(LEVELS - 1 - below) * step)


def _observe(
    model: ov.Model, layers: Sequence[str], samples: Iterable[NDArray[Any]], ranges: Mapping[str, Range] | None = None
) -> dict[str, _Seen]:
    """Run the samples through the model and look at what goes into each layer, rounded to its range if it has one."""
    watched = model.clone()
    nodes = _named(watched, layers)
    results = [
        ops.result(_rounded(node.input_value(0), ranges[name]) if ranges else node.input_value(0))
        for name, node in nodes.items()
    ]
    watched.add_results(results)
    first = len(watched.outputs) - len(results)
    request = ov.Core().compile_model(watched, "CPU", CALIBRATION_CONFIG).create_infer_request()
    random = np.random.default_rng(0)
    seen = {name: _Seen() for name in layers}
    for sample in samples:
        request.infer([sample])
        for number, (name, node) in enumerate(nodes.items(), start=first):
            channel_axis = 1 if node.get_type_name() == "Convolution" else -1
            seen[name].add(request.get_output_tensor(number).data, channel_axis, random)
    return seen


def _mean_products(
    weights: NDArray[np.float32], input_means: NDArray[np.float64], node: ov.Node
) -> NDArray[np.float64]:
    """Each output channel's mean: the layer is linear in the means of its input channels, borders aside."""
    if node.get_type_name() == "Convolution":
        return np.asarray(weights.reshape(*weights.shape[:2], -1).sum(axis=2, dtype=np.float64) @ input_means)
    return np.asarray(input_means @ weights.astype(np.float64))


def _rounded(source: ov.Output, within: Range) -> ov.Output:
    low, high = np.float32(within.low), np.float32(within.high)
    return ops.fake_quantize(source, low, high, low, high, LEVELS).output(0)


def _with_int8(model: ov.Model, ranges: Mapping[str, Range], shifts: Mapping[str, NDArray[np.float64]]) -> ov.Model:
    changed = model.clone()
    for name, node in _named(changed, list(ranges)).items():
        node.input(0).replace_source_output(_rounded(node.input_value(0), ranges[name]))
        node.input(1).replace_source_output(_int8_weights(node).output(0))
        if name in shifts:
            _shift(node, shifts[name].astype(np.float32))
    changed.validate_nodes_and_infer_types()
    return changed


def _int8_weights(node: ov.Node) -> ov.Node:
    weights = _weights(node)
    bound = _bounds(weights, node)
    return ops.fake_quantize(ops.constant(weights), -bound, bound, -bound, bound, _WEIGHT_LEVELS)


def round_weights(weights: NDArray[np.float32], node: ov.Node) -> NDArray[np.float32]:
    """What the weights become."""
    step = _bounds(weights, node) / (_WEIGHT_LEVELS // 2)
    return np.asarray(np.rint(weights / step) * step, np.float32)


def _bounds(weights: NDArray[np.float32], node: ov.Node) -> NDArray[np.float32]:
    """The largest weight of each output channel, in a shape that broadcasts."""
    axes = tuple(range(1, weights.ndim)) if node.get_type_name() == "Convolution" else (0,)
    return np.asarray(np.maximum(np.abs(weights).max(axis=axes, keepdims=True), 1e-9), np.float32)


def _shift(node: ov.Node, by: NDArray[np.float32]) -> None:
    """Add a constant to each output channel, behind the layer."""
    readers = list(node.output(0).get_target_inputs())
    shape = [1, -1, 1, 1] if node.get_type_name() == "Convolution" else [-1]
    corrected = ops.add(node.output(0), ops.constant(by.reshape(shape)))
    for reader in readers:
        reader.replace_source_output(corrected.output(0))


def _weights(node: ov.Node) -> NDArray[np.float32]:
    source = node.input_value(1).get_node()
    if source.get_type_name() == "FakeQuantize":
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant":
        raise CannotQuantise(f"{node.get_friendly_name()} has no constant weights")
    return np.asarray(source.data, np.float32)


def _named(model: ov.Model, layers: Sequence[str]) -> dict[str, ov.Node]:
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    missing = [name for name in layers if name not in nodes]
    if missing:
        raise CannotQuantise(f"the model has no layer {', '.join(missing)}")
    return {name: nodes[name] for name in layers}
