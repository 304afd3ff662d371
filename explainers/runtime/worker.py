"""One thread that does one thing at a time: the more urgent first, and among equals whoever had no turn for longest.

Long work gives way: at its every check, what is more urgent runs first, in the same thread and on top of the long work, which
then goes on where it was. Nothing is lost and nothing is begun anew. Nobody starves: what arrives while others have
their turn waits for the next check, and after some urgent pieces in a row the work that has waited longest gets one.

A turn is one piece of work, or, of the most urgent kind, what its owner waits for when it begins: pages ask for a few short
pieces at once, and piece by piece all owners' pages would be complete only when the last one's is.

    Turn       how urgent a piece of work is, whose it is, and what it costs alike with
    Line       who waits, and in which order: no threads here
    Worker     the thread
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

log = logging.getLogger(__name__)

WAITING = "Waiting for its turn"
MOST_IN_A_ROW = 8  # urgent pieces of work, while something less urgent waits
MOST_AT_A_TIME = 8  # pieces of the most urgent work in one turn of an owner
NEWEST_SHARE = 0.3  # of the newest duration in what a kind of work is expected to take


class Urgency(IntEnum):
    """What goes before what."""

    NOW = 0  # somebody turned to a photo or moved a slider
    SOON = 1  # one photo's answer that takes seconds
    LATER = 2  # many photos, or many concepts


@dataclass(frozen=True)
class Turn:
    """What the order of work depends on."""

    urgency: Urgency = Urgency.NOW
    owner: Hashable = None  # whose it is: owners take turns
    kind: Hashable = None  # work of one kind takes about as long


@dataclass(eq=False)
class Ticket:
    """A piece of work in the line."""

    run: Callable[[], None] = field(repr=False)
    turn: Turn
    n: int = 0  # in the order of arrival
    given: float = 0.0  # seconds that it gave to others


@dataclass(frozen=True)
class Wait:
    """What stands before a piece of work that waits."""

    n_before: int
    n_of_others: int
    seconds: float | None  # expected until its turn comes; None if nothing is known of it

    def __str__(self) -> str:
        if not self.n_before:
            return WAITING
        others = ("", ", another's comes first", ", others' work comes first")[min(self.n_of_others, 2)]
        expected = "" if self.seconds is None else f", about {max(1, round(self.seconds))} s"
        return f"{WAITING}: {self.n_before} before it{others}{expected}"


@dataclass(frozen=True)
class Pulse:
    """Whether a worker works."""

    is_alive: bool
    silent_seconds: float  # since what runs last came by a check; 0 if nothing runs


class Line:
    """Work that waits. Not safe to use from several threads by itself."""

    def __init__(self):
        self._by_urgency: dict[Urgency, OrderedDict[Hashable, deque[Ticket]]] = {u: OrderedDict() for u in Urgency}
        self._n_in_a_row = 0
        self._turn: tuple[Hashable, int] = None, -1  # whose most urgent work is under way, up to which number

    def __len__(self) -> int:
        return sum(len(tickets) for owners in self._by_urgency.values() for tickets in owners.values())

    def put(self, ticket: Ticket) -> None:
        """Adds a piece of work behind those of the same owner."""
        self._by_urgency[ticket.turn.urgency].setdefault(ticket.turn.owner, deque()).append(ticket)

    def take(self) -> Ticket | None:
        """The work whose turn it is, or None if none waits."""
        urgencies = [urgency for urgency in Urgency if self._by_urgency[urgency]]
        if not urgencies:
            return None
        is_overdue = len(urgencies) > 1 and self._n_in_a_row >= MOST_IN_A_ROW
        self._n_in_a_row = 0 if is_overdue or len(urgencies) == 1 else self._n_in_a_row + 1
        return self._next_of(min(urgencies[1:], key=self._first_arrival) if is_overdue else urgencies[0])

    def take_before(self, urgency: Urgency, n: int) -> Ticket | None:
        """The work whose turn it is among what is more urgent than that and arrived before number ``n``, or None."""
        for more_urgent in Urgency:
            owners = self._by_urgency[more_urgent]
            if more_urgent < urgency and any(tickets[0].n < n for tickets in owners.values()):
                return self._next_of(more_urgent)
        return None

    def remove(self, ticket: Ticket) -> None:
        """Takes a piece of work out; nothing happens if it does not wait any more."""
        owners = self._by_urgency[ticket.turn.urgency]
        tickets = owners.get(ticket.turn.owner, deque())
        if ticket in tickets:
            tickets.remove(ticket)
        if not tickets:
            owners.pop(ticket.turn.owner, None)

    def before(self, ticket: Ticket) -> Iterator[Ticket]:
        """What will have its turn earlier than this ticket, if nothing more comes."""
        for urgency in Urgency:
            owners = OrderedDict((owner, deque(tickets)) for owner, tickets in self._by_urgency[urgency].items())
            turn = self._turn
            while owners:
                following, turn = _next_of(owners, urgency, turn)
                if following is ticket:
                    return
                yield following

    def _next_of(self, urgency: Urgency) -> Ticket:
        ticket, turn = _next_of(self._by_urgency[urgency], urgency, self._turn)
        if urgency is Urgency.NOW:
            self._turn = turn
        return ticket

    def _first_arrival(self, urgency: Urgency) -> int:
        return min(tickets[0].n for tickets in self._by_urgency[urgency].values())


def _next_of(
    owners: OrderedDict[Hashable, deque[Ticket]], urgency: Urgency, turn: tuple[Hashable, int]
) -> tuple[Ticket, tuple[Hashable, int]]:
    """Takes the work whose turn it is out of what owners wait for; beside it whose turn is under way, up to which number."""
    owner, tickets = owners.popitem(last=False)
    if urgency is not Urgency.NOW:
        turn = owner, tickets[0].n
    elif turn[0] != owner or tickets[0].n > turn[1]:
        turn = owner, tickets[min(len(tickets), MOST_AT_A_TIME) - 1].n
    ticket = tickets.popleft()
    if tickets:
        owners[owner] = tickets  # last: the others' turns come first
        owners.move_to_end(owner, last=tickets[0].n > turn[1])
    return ticket, turn


class Worker:
    """The thread. ``prepare`` runs in it once, before any work; what it raises is logged, and the thread goes on.

    Should the thread end before it is closed, the next piece of work starts another.
    """

    def __init__(self, name: str, prepare: Callable[[], None] = lambda: None):
        self._line, self._lock = Line(), threading.Condition()
        self._running: list[Ticket] = []  # the innermost last
        self._n_tickets, self._closed = 0, False
        self._seconds: dict[Hashable, float] = {}  # expected, by kind
        self._prepare, self._name, self._sign_at = prepare, name, time.perf_counter()
        self._thread = self._started()

    def submit(self, run: Callable[[], None], turn: Turn) -> Ticket:
        """Queues work that raises nothing."""
        with self._lock:
            ticket = Ticket(run, turn, self._n_tickets)
            self._n_tickets += 1
            self._line.put(ticket)
            self._lock.notify()
            if not self._thread.is_alive() and not self._closed:
                log.error("The worker's thread has ended; another one goes on")
                self._running.clear()
                self._thread = self._started()
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """Takes work out of the line that nobody wants any more; what has begun must end by itself."""
        with self._lock:
            self._line.remove(ticket)

    def give_way(self, urgency: Urgency) -> None:
        """To be called by work between its steps: runs what is more urgent and has arrived by now. Elsewhere it does nothing."""
        if threading.current_thread() is not self._thread:
            return
        with self._lock:
            n, self._sign_at = self._n_tickets, time.perf_counter()
        while True:
            with self._lock:
                ticket = self._line.take_before(urgency, n)
            if ticket is None:
                return
            self._run(ticket)

    def wait_of(self, ticket: Ticket) -> Wait:
        """What stands before that work."""
        with self._lock:
            before = [*self._line.before(ticket)]
            running = [] if self._yields_to(ticket) else self._running[-1:]
            expected = [self._seconds.get(other.turn.kind) for other in (*running, *before)]
        known = [seconds for seconds in expected if seconds is not None]
        n_of_others = sum(other.turn.owner != ticket.turn.owner for other in (*running, *before))
        return Wait(len(running) + len(before), n_of_others, sum(known) if len(known) == len(expected) else None)

    def pulse(self) -> Pulse:
        """Whether the thread is there, and for how long what runs has given no sign."""
        with self._lock:
            silent = time.perf_counter() - self._sign_at if self._running else 0.0
            return Pulse(self._thread.is_alive(), silent)

    def close(self, timeout: float | None = None) -> None:
        """Lets what is queued run out and ends the thread."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        thread.start()
        return thread

    def _yields_to(self, ticket: Ticket) -> bool:
        return not self._running or self._running[-1].turn.urgency > ticket.turn.urgency

    def _work(self) -> None:
        try:
            self._prepare()
        except Exception:
            log.exception("The worker could not be set up as it should; it goes on without")
        while (ticket := self._next()) is not None:
            self._run(ticket)
            ticket = None  # or the last result would live until the next request

    def _next(self) -> Ticket | None:
        with self._lock:
            while not len(self._line) and not self._closed:
                self._lock.wait()
            return self._line.take()

    def _run(self, ticket: Ticket) -> None:
        """Runs work, which may be on top of other work, and learns how long it takes by itself."""
        with self._lock:
            below = self._running[-1] if self._running else None
            self._running.append(ticket)
            self._sign_at = time.perf_counter()
        began = time.monotonic()
        ticket.run()
        seconds = time.monotonic() - began
        with self._lock:
            self._sign_at = time.perf_counter()
            self._running.remove(ticket)
            if below is not None:
                below.given += seconds
            before = self._seconds.get(ticket.turn.kind, seconds - ticket.given)
            self._seconds[ticket.turn.kind] = before + NEWEST_SHARE * (seconds - ticket.given - before)
