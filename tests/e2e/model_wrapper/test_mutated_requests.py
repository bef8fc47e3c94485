"""Good requests with something changed in them, through a whole graph: each is answered or refused, none breaks it.

`STORECAST_MUTATIONS=100000` tries so many; each has a number, by which a failure can be repeated.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection, HTTPException
from threading import local

import pytest
from support.fleets import small_fleet
from support.serving.mutations import PREDICTIONS, Sent, may_be_dropped, mutated
from support.serving.served_graphs import ServedGraph, forecasts_of, served_graph

COUNT = int(os.environ.get("STORECAST_MUTATIONS", "400"))
CLIENTS = 4
DROPPED = 0
ITEM = {"storeId": "4", "beginDate": "2015-06-20", "endDate": "2015-06-26"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedGraph]:
    folder = tmp_path_factory.mktemp("graph")
    with served_graph(small_fleet(folder / "fleet", 6, without_model=[2]), folder / "home") as running:
        yield running


class Client(local):
    """A connection of each thread, kept as clients keep theirs."""

    connection: HTTPConnection | None = None

    def status_of(self, port: int, sent: Sent) -> tuple[int, bytes]:
        """Status and body of the answer; `DROPPED` where a new connection, too, was broken off without one."""
        for _ in range(2):
            connection = self.connection or HTTPConnection("127.0.0.1", port, timeout=120)
            self.connection = None
            try:
                connection.request("POST", sent.path, sent.body, sent.headers)
                response = connection.getresponse()
                body = response.read()
            except (HTTPException, ConnectionError):
                connection.close()
                continue
            self.connection = connection
            return response.status, body
        return DROPPED, b""


def outcome(client: Client, port: int, seed: int) -> tuple[int, int, bytes]:
    """Number, status, and what a bad answer says."""
    sent = mutated(seed)
    status, body = client.status_of(port, sent)
    if status in {200, 400}:
        return seed, status, b""
    return seed, 400 if status == DROPPED and may_be_dropped(sent) else status, body[:300]


@pytest.mark.timeout(3600 + COUNT)
def test_a_mutated_request_is_answered_or_refused_and_breaks_nothing(graph: ServedGraph) -> None:
    calm, workers = graph.ask(ITEM), graph.workers("forecaster")
    with ThreadPoolExecutor(CLIENTS) as clients:
        outcomes = list(clients.map(partial(outcome, Client(), graph.port), range(COUNT), chunksize=16))
    counted = Counter(status for _, status, _ in outcomes)

    assert [each for each in outcomes if each[1] not in {200, 400}][:20] == [], counted
    assert min(counted[200], counted[400]) > COUNT / 20
    assert forecasts_of(graph.ask(ITEM)) == forecasts_of(calm)
    assert graph.workers("forecaster") == workers


def test_the_mutations_of_a_number_are_always_the_same_and_differ_from_others() -> None:
    bodies = [mutated(seed).body for seed in range(200)]

    assert bodies == [mutated(seed).body for seed in range(200)]
    assert len(set(bodies)) > 150
    assert {mutated(seed).path for seed in range(50)} > {PREDICTIONS}
