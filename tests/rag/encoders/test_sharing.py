"""Requests at the same time share a pass: each gets its own rows, its own error, and waits for nobody."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rag.encoders.sharing import SharedImageEncoder, SharedPasses, _Request
from rag.types import Fingerprint, Matrix, Pixels
from tests.reads_all import ReadsAll


class Device:
    """Encodes a number as itself; holds the first pass until it is let go. 13 is bad luck."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self._busy = threading.Lock()
        self.together = False

    def __call__(self, inputs: Sequence[int]) -> Matrix:
        self.together |= not self._busy.acquire(blocking=False)
        self.passes.append(list(inputs))
        self.begun.set()
        assert self.go.wait(10)
        if self._busy.locked():
            self._busy.release()
        if 13 in inputs:
            raise ValueError(f"bad luck in {list(inputs)}")
        return np.array(inputs, np.float32).reshape(len(inputs), 1)


def during(device: Device, shared: SharedPasses[int], requests: Sequence[Sequence[int]]) -> list[object]:
    """The results of requests that all came while the first one was on the device."""

    def ask(inputs: Sequence[int]) -> object:
        try:
            return shared(inputs)[:, 0].tolist()
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(requests)) as pool:
        first = pool.submit(ask, requests[0])
        assert device.begun.wait(10)
        others = [pool.submit(ask, inputs) for inputs in requests[1:]]
        wait_for(lambda: len(shared._waiting) == sum(len(r) < shared._most for r in requests[1:]))
        device.go.set()
        return [future.result(10) for future in [first, *others]]


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_those_who_wait_go_together_and_each_gets_its_own() -> None:
    device = Device()
    requests = [[1], [2, 3], [4], [5, 6, 7]]
    assert during(device, SharedPasses(device), requests) == requests
    assert device.passes[0] == [1]
    assert len(device.passes) == 2
    assert sorted(device.passes[1]) == [2, 3, 4, 5, 6, 7]
    assert not device.together


def test_an_error_is_for_the_one_who_caused_it() -> None:
    device = Device()
    found = during(device, SharedPasses(device), [[1], [2], [13], [3, 4]])
    assert found == [[1], [2], "bad luck in [13]", [3, 4]]


def test_a_pass_is_no_larger_than_it_may_be() -> None:
    device = Device()
    during(device, SharedPasses(device, most=4), [[0], *([i] for i in range(20, 30))])
    assert max(map(len, device.passes)) == 4
    assert len(device.passes) == 4


def test_a_pass_of_larger_requests_is_no_larger_either() -> None:
    device = Device()
    during(device, SharedPasses(device, most=4), [[0], [20, 21, 22], [23, 24, 25], [26], [27]])
    assert max(map(len, device.passes)) == 4


def test_a_large_request_goes_by_itself_and_waits_for_nobody() -> None:
    device = Device()
    shared = SharedPasses(device, most=4)
    with ThreadPoolExecutor(2) as pool:
        small = pool.submit(shared, [1])
        assert device.begun.wait(10)
        large = pool.submit(shared, [5, 6, 7, 8])
        wait_for(lambda: len(device.passes) == 2)
        assert device.together
        device.go.set()
        assert large.result(10)[:, 0].tolist() == [5, 6, 7, 8]
        assert small.result(10)[:, 0].tolist() == [1]


def test_alone_a_request_goes_at_once() -> None:
    device = Device()
    device.go.set()
    shared = SharedPasses(device)
    assert shared([1])[:, 0].tolist() == [1]
    assert shared([]).shape == (0, 1)
    with pytest.raises(ValueError, match="bad luck"):
        shared([13])
    assert shared([2])[:, 0].tolist() == [2]


def test_many_threads() -> None:
    device = Device()
    device.go.set()
    shared = SharedPasses(device, most=8)
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda n: shared([n, n + 1])[:, 0].tolist(), range(100, 900)))
    assert rows == [[n, n + 1] for n in range(100, 900)]
    assert not device.together


class Encoder(ReadsAll):
    """An ``ImageEncoder`` that remembers how many pictures came at a time."""

    fingerprint = Fingerprint("one", "w", "p", 1)
    logit_scale = 1.0
    languages = ("en",)

    def __init__(self, device: str) -> None:
        self.device = device
        self.begun, self.go = threading.Event(), threading.Event()
        self.sizes: list[int] = []

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        self.sizes.append(len(images))
        self.begun.set()
        assert self.go.wait(10)
        return np.ones((len(images), 1), np.float32)

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        return self.encode_images(images)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return np.ones((len(texts), 1), np.float32)


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [1, 8, 4]), ("cuda:0", [1, 12])])
def test_pictures_share_passes_smaller_ones_on_a_processor(device: str, sizes: list[int]) -> None:
    encoder = Encoder(device)
    shared = SharedImageEncoder(encoder)
    picture = np.zeros((2, 2, 3), np.uint8)
    with ThreadPoolExecutor(13) as pool:
        futures = [pool.submit(shared.encode_images, [picture])]
        assert encoder.begun.wait(10)
        futures += [pool.submit(shared.encode_images, [picture]) for _ in range(12)]
        wait_for(lambda: len(shared._images._waiting) == 12)
        encoder.go.set()
        assert [future.result(10).shape for future in futures] == [(1, 1)] * 13
    assert encoder.sizes == sizes


def test_those_who_are_served_can_ask_again_at_once() -> None:
    """Who asks time and again, as many do, finds company every time: nobody waits for a pass of others."""
    sizes: list[int] = []

    def encode(inputs: Sequence[int]) -> Matrix:
        sizes.append(len(inputs))
        time.sleep(0.01)
        return np.array(inputs, np.float32).reshape(len(inputs), 1)

    shared: SharedPasses[int] = SharedPasses(encode)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: shared([n]), range(320)))
    assert len(sizes) < 100  # 40 or so: now one goes at once, then all the others


@pytest.mark.parametrize("called", [False, True])
def test_one_that_is_interrupted_while_it_waits_takes_nobody_with_it(called: bool) -> None:
    device = Device()
    shared = SharedPasses(device)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shared, [1])
        assert device.begun.wait(10)
        given_up: _Request[int] = _Request([2])
        with shared._queue:
            shared._waiting.append(given_up)
        behind = pool.submit(shared, [3])
        wait_for(lambda: len(shared._waiting) == 2)
        if called:  # it has just been given the next pass
            device.go.set()
            assert given_up.woken.wait(10)
        shared._leave(given_up)
        device.go.set()
        assert first.result(10)[:, 0].tolist() == [1]
        assert behind.result(10)[:, 0].tolist() == [3]
    assert shared([4])[:, 0].tolist() == [4]
    assert device.passes == [[1], [3], [4]]


def test_an_interrupted_pass_is_told_to_all_who_shared_it() -> None:
    device = Device()
    shared = SharedPasses(device)

    def encode(inputs: Sequence[int]) -> Matrix:
        if inputs == [2]:  # on its own, after the pass with 13 in it failed
            raise SystemExit
        return device(inputs)

    shared._encode = encode
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(shared, [1])
        assert device.begun.wait(10)
        others = []
        for number in (13, 2, 3):
            others.append(pool.submit(shared, [number]))
            wait_for(lambda: len(shared._waiting) == len(others))
        device.go.set()
        assert first.result(10)[:, 0].tolist() == [1]
        assert [type(other.exception(10)) for other in others] == [SystemExit] * 3
    assert shared([4])[:, 0].tolist() == [4]


def test_nothing_is_kept_of_what_was_encoded() -> None:
    class Input:
        pass

    shared: SharedPasses[Input] = SharedPasses(lambda inputs: np.ones((len(inputs), 1), np.float32))
    one = Input()
    there = weakref.ref(one)
    gc.disable()
    try:
        shared([one])
        del one
        assert there() is None
    finally:
        gc.enable()


def test_no_lane_is_lost() -> None:
    together: list[bool] = []
    running = threading.Semaphore(2)
    both: threading.Barrier | None = None

    def encode(inputs: Sequence[int]) -> Matrix:
        together.append(running.acquire(blocking=False))
        if both is not None:
            both.wait(10)
        time.sleep(0.0002)
        running.release()
        return np.array(inputs, np.float32).reshape(len(inputs), 1)

    shared: SharedPasses[int] = SharedPasses(encode, 2, lanes=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: shared([n]), range(1000)))
        both = threading.Barrier(2)
        list(pool.map(lambda n: shared([n]), range(2)))
    assert all(together)  # never more than two


def test_with_two_lanes_two_passes_run_at_a_time_and_each_gets_its_own_rows() -> None:
    both = threading.Barrier(2)

    def encode(inputs: Sequence[int]) -> Matrix:
        both.wait(10)
        return np.array(inputs, np.float32).reshape(len(inputs), 1)

    shared: SharedPasses[int] = SharedPasses(encode, 1 + 1, lanes=2)
    with ThreadPoolExecutor(2) as pool:
        assert [rows.tolist() for rows in pool.map(shared, ([3], [4]))] == [[[3.0]], [[4.0]]]


def test_with_several_lanes_nobody_is_forgotten() -> None:
    def encode(inputs: Sequence[int]) -> Matrix:
        time.sleep(0.0005)
        if 13 in inputs:
            raise ValueError("bad luck")
        return np.array(inputs, np.float32).reshape(len(inputs), 1)

    shared: SharedPasses[int] = SharedPasses(encode, 4, lanes=3)

    def ask(number: int) -> float | None:
        try:
            return float(shared([number])[0, 0])
        except ValueError:
            return None

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(ask, range(300), timeout=60))
    assert found == [None if number == 13 else float(number) for number in range(300)]
