"""The queues of runs to be started and of inboxes to be worked on: the only door to RQ and to Valkey (or Redis).

They may be wiped at any time. What must be done stands in the database; the clock, and the rounds of the bot, put back
what is missing here. An entry of a run has the run's id; one that failed or was half done never stands in the way of a
new one of the same id. Of an inbox there may be many entries: whoever finds it empty, or taken, does nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import redis
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job
from rq.queue import EnqueueData
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.worker import SimpleWorker

from scheduler.errors import Retryable, UserError

START_QUEUE = "meshbot-starts"
START_TASK = "scheduler.tasks.start_run"
"""Called with a run's id. It may be called again for the same run, also at the same time."""

START_TIMEOUT = timedelta(seconds=60)
"""A start that takes longer is broken off: starting never waits for a run."""

START_PATIENCE = timedelta(seconds=30)
"""A start that began this long ago and is not done is taken for dead, and the run is offered again."""

FAILURE_PAUSE = timedelta(seconds=5)
"""How long a run whose start failed is left alone."""

FAILURE_TTL = timedelta(hours=1)
"""How long RQ keeps the traceback of a failed start, for whoever looks."""

INBOX_QUEUE, TALK_QUEUE = "meshbot-inboxes", "meshbot-talk"
_TALK = re.compile(r"repo:\d+:talk:")
"""People wait for an answer: these inboxes come before all others, however many of those there are."""

INBOX_TASK = "bot.intake.tasks.work_inbox"
"""Called with the name of an inbox. It may be called again for the same inbox, also at the same time."""

INBOX_TIMEOUT = timedelta(minutes=30)
"""Work on an inbox that takes longer is broken off, and begins again where it was."""

_BEING_STARTED_TTL = START_TIMEOUT + timedelta(seconds=60)  # what RQ's SimpleWorker gives a job that it executes
_CHUNK = 500


class Queues:
    """The queue at a `redis://` URL. Every method raises `Retryable` when it is out of reach.

    With `patience`, also when no answer comes within so many seconds; whoever works on a queue waits longer than that.
    """

    def __init__(self, url: str, patience: float | None = None) -> None:
        try:
            limits = {} if patience is None else {"socket_timeout": patience, "socket_connect_timeout": patience}
            self._connection = redis.Redis.from_url(url, **limits)
        except ValueError as error:
            raise UserError("MESHBOT_REDIS_URL is no Redis URL; write redis://host:6379/0") from error
        self._starts = Queue(START_QUEUE, connection=self._connection)
        self._talk, self._others = (Queue(name, connection=self._connection) for name in (TALK_QUEUE, INBOX_QUEUE))

    def ping(self) -> None:
        """Ask for an answer."""
        with _translated("asking the queue"):
            self._connection.ping()

    def close(self) -> None:
        """Give the connections back."""
        self._connection.close()

    def enqueue_starts(self, run_ids: Iterable[str]) -> None:
        """Offer runs to be started, in order; each chunk is one round trip. Harmless to repeat."""
        ids = list(dict.fromkeys(run_ids))
        with _translated(f"queueing {len(ids)} runs"):
            for first in range(0, len(ids), _CHUNK):
                self._push(ids[first : first + _CHUNK])

    def missing(self, run_ids: Sequence[str]) -> list[str]:
        """Say which of these runs nobody will start: neither waiting in the queue, nor being started just now.

        A start that failed a moment ago counts as present for `FAILURE_PAUSE`, so that it is not tried in a circle.
        """
        now = datetime.now(UTC)
        begun = (now - START_PATIENCE + _BEING_STARTED_TTL).timestamp()
        failed = (now - FAILURE_PAUSE + FAILURE_TTL).timestamp()
        with _translated("reading the queue"):
            pipe = self._connection.pipeline(transaction=False)
            pipe.lrange(self._starts.key, 0, -1)
            pipe.zrangebyscore(StartedJobRegistry(queue=self._starts).key, begun, "+inf")
            pipe.zrangebyscore(FailedJobRegistry(queue=self._starts).key, failed, "+inf")
            waiting, starting, tried = pipe.execute()
        present = {entry.decode().partition(":")[0] for entry in (*waiting, *starting, *tried)}
        return [run_id for run_id in run_ids if run_id not in present]

    def work(self, *, burst: bool = False) -> None:
        """Start runs until told to stop (SIGTERM, SIGINT); with `burst`, until the queue is empty.

        The starts run in this process: one takes milliseconds, and what it opens (database, launcher) stays open.
        """
        with _translated("working on the queue"):
            SimpleWorker([self._starts], connection=self._connection).work(burst=burst, logging_level="WARNING")

    def enqueue_inboxes(self, inboxes: Iterable[str]) -> None:
        """Offer inboxes to be worked on, in order and in one round trip. Harmless to repeat."""
        wanted = list(dict.fromkeys(inboxes))
        lanes = ((self._talk, filter(_TALK.match, wanted)), (self._others, itertools.filterfalse(_TALK.match, wanted)))
        if wanted:
            with _translated(f"queueing {len(wanted)} inboxes"):
                pipe = self._connection.pipeline()
                for lane, names in lanes:
                    if entries := [_inbox_entry(inbox) for inbox in names]:
                        lane.enqueue_many(entries, pipeline=pipe)
                pipe.execute()

    def missing_inboxes(self, inboxes: Sequence[str]) -> list[str]:
        """Say which of these inboxes do not wait in the queue. Whether somebody works on them, their leases tell."""
        with _translated("reading the queue"):
            waiting = [*self._talk.get_job_ids(), *self._others.get_job_ids()]
        present = {entry.rpartition("-")[0] for entry in waiting}
        return [inbox for inbox in inboxes if _inbox_id(inbox) not in present]

    def work_inboxes(self, stop: threading.Event, *, talk_only: bool = False, burst: bool = False) -> None:
        """Work on inboxes, in this process, until told to stop (SIGTERM, SIGINT, or `stop`, which a signal sets).

        What people say comes first; with `talk_only`, nothing else comes. With `burst`, until the queue is empty.
        """
        with _translated("working on the queue"):
            lanes = [self._talk] if talk_only else [self._talk, self._others]
            worker = _Attentive(lanes, connection=self._connection)
            worker.stop = stop
            worker.work(burst=burst, logging_level="WARNING")

    def _push(self, run_ids: list[str]) -> None:
        pipe = self._connection.pipeline()
        pipe.delete(*map(Job.key_for, run_ids))  # an older entry of this name would pass its expiry on
        self._starts.enqueue_many(map(_entry, run_ids), pipeline=pipe)
        pipe.execute()


class _Attentive(SimpleWorker):
    """Tells what it executes that it was asked to stop, so that long work ends at the next good place."""

    stop: threading.Event

    def handle_warm_shutdown_request(self) -> None:
        self.stop.set()

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's own signature
        if self.stop.is_set():  # also when that was before there was anybody to hear a signal
            raise StopRequested
        super().check_for_suspension(burst)


def _inbox_id(inbox: str) -> str:
    return f"inbox-{hashlib.blake2b(inbox.encode(), digest_size=16).hexdigest()}"


def _inbox_entry(inbox: str) -> EnqueueData:
    """Make an entry of its own: of two with one id, the end of the first would take the second away."""
    return Queue.prepare_data(
        INBOX_TASK,
        args=(inbox,),
        job_id=f"{_inbox_id(inbox)}-{secrets.token_hex(4)}",
        description="an inbox",
        timeout=int(INBOX_TIMEOUT.total_seconds()),
        result_ttl=0,
        failure_ttl=int(FAILURE_TTL.total_seconds()),
    )


def _entry(run_id: str) -> EnqueueData:
    return Queue.prepare_data(
        START_TASK,
        args=(run_id,),
        job_id=run_id,
        description=run_id,
        timeout=int(START_TIMEOUT.total_seconds()),
        result_ttl=0,
        failure_ttl=int(FAILURE_TTL.total_seconds()),
    )


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except redis.ConnectionError as error:
        raise Retryable(f"{doing}: Valkey is out of reach: {error}; is MESHBOT_REDIS_URL right?") from error
    except redis.RedisError as error:
        raise Retryable(f"{doing}: {error}") from error
