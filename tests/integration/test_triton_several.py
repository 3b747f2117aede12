"""Several Tritons behind one name: real gRPC servers on loopback that answer the health calls and count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from ocr_core.adapters.triton import TritonModels
from ocr_core.settings import TritonSettings

SERVERS = 3
LOOKS = 15


@dataclass(slots=True)
class Tritons:
    """Where they listen, and how often each was asked."""

    ports: list[int] = field(default_factory=list)
    servers: list[grpc.aio.Server] = field(default_factory=list)
    asked: Counter[int] = field(default_factory=Counter)

    @property
    def address(self) -> str:
        """All of them in one target, as a name service would give them for one name."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self.ports)


class _Health(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc] # generated, without types
    def __init__(self, number: int, asked: Counter[int]) -> None:
        self._number = number
        self._asked = asked

    async def ModelReady(  # noqa: N802 - the protocol's name
        self,
        _request: service_pb2.ModelReadyRequest,
        _context: grpc.aio.ServicerContext[service_pb2.ModelReadyRequest, service_pb2.ModelReadyResponse],
    ) -> service_pb2.ModelReadyResponse:
        self._asked[self._number] += 1
        return service_pb2.ModelReadyResponse(ready=True)


@pytest.fixture
async def tritons() -> AsyncIterator[Tritons]:
    tritons = Tritons()
    for number in range(SERVERS):
        server = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Health(number, tritons.asked), server)
        tritons.ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        tritons.servers.append(server)
    yield tritons
    for server in tritons.servers:
        await server.stop(None)


async def test_without_shared_memory_every_server_behind_the_name_is_used(tritons: Tritons) -> None:
    models = TritonModels(TritonSettings(grpc_url=tritons.address, shared_memory=False))
    await models.start()
    for _ in range(LOOKS):
        assert await models.ready()
    await models.close()
    assert set(tritons.asked) == set(range(SERVERS))
    assert min(tritons.asked.values()) >= tritons.asked.total() // SERVERS // 2


async def test_a_server_that_goes_is_left_out_and_the_others_answer(tritons: Tritons) -> None:
    models = TritonModels(TritonSettings(grpc_url=tritons.address, shared_memory=False))
    await models.start()
    assert await models.ready()
    await tritons.servers[0].stop(None)
    answers = [await models.ready() for _ in range(LOOKS)]
    await models.close()
    # A call that was under way to it may be lost; what follows goes elsewhere.
    assert answers.count(False) <= 1
    assert all(answers[-5:])


def test_with_shared_memory_one_server_is_used() -> None:
    models = TritonModels(TritonSettings(grpc_url="127.0.0.1:8011", shared_memory=True))
    assert not any(name == "grpc.lb_policy_name" for name, _ in models._channel_arguments())
