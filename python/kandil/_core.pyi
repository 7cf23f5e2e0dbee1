"""The Rust core. Paths are bytes, sizes and offsets are bytes, times are nanoseconds since the epoch."""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Self, final

from typing_extensions import Buffer

Severity = Literal["note", "suspicious", "malformed", "malicious"]
Mode = Literal["sha256", "blake3", "scan"]
Blake3 = Literal["auto", "always", "never"]

__all__ = [
    "BatchForm",
    "BatchIndex",
    "BatchLane",
    "BatchLock",
    "BatchRecorded",
    "BatchRun",
    "BatchSubmission",
    "BatchTarget",
    "Benchmark",
    "Breaker",
    "Bucket",
    "Download",
    "Entry",
    "Finding",
    "Header",
    "JsonSchema",
    "Names",
    "Outcome",
    "Progress",
    "Rule",
    "Run",
    "Sha256",
    "Stat",
    "Tensor",
    "Transport",
    "__version__",
    "alias",
    "alias_names",
    "batch_drop",
    "batch_merge",
    "batch_order",
    "batch_split",
    "check_profile",
    "confine_program",
    "confine_server",
    "enter_sandbox",
    "fact_source",
    "kernels",
    "normal_name",
    "profile",
    "profile_ids",
    "profile_names",
    "profiles_named",
    "provider",
    "provider_ids",
    "published_files",
    "rules",
    "sha256",
    "walk",
]

__version__: str

def enter_sandbox(
    *,
    keep_fds: Sequence[int],
    memory_bytes: int,
    cpu_seconds: int,
    threads: bool = False,
    allow_weaker: bool = False,
    without: Sequence[str] | None = None,
) -> dict[str, str]:
    """Forks, and returns in the child alone, which has no rights left but to read, to write, and to compute.

    Layer by layer, `active` or `absent: reason`. What called goes on as a monitor: it ends as the child does, and ends
    it when standard input ends. All descriptors but 0, 1, 2 and `keep_fds` are closed. `memory_bytes` may be mapped
    beyond what is. Files cannot be opened any more, so nothing be imported, and no memory be made executable, so no C
    callback be made. With `allow_weaker`, all but the filter of system calls, and either Landlock or namespaces, may be
    absent. `without` names layers to leave out, and demands none: for tests. Linux only.

    Raises: OSError where a layer is absent that may not be, or other threads run. The process must then end.
    """

def confine_server(
    *, files: Sequence[str], folders: Sequence[str], devices: Sequence[str] = ..., data_bytes: int | None = None
) -> dict[str, str]:
    """This process, and the threads it will start, read `files` and `folders`, use `devices`, take TCP connections.

    Layer by layer, `active` or `absent: reason`. It is the files themselves that are allowed: what takes their names
    later cannot be opened. What is not there is left out. No other program, no other process, no connection to others,
    no key of the kernel's, and of memory `data_bytes` at most beside what is mapped from files. Linux only.

    Raises: OSError where other threads run.
    """

def confine_program(
    *,
    readable: Sequence[str],
    writable: Sequence[str],
    memory_bytes: int,
    cpu_seconds: int,
    file_bytes: int,
    processes: int,
    allow_weaker: bool = False,
    without: Sequence[str] | None = None,
) -> dict[str, str]:
    """Forks, and returns in the child alone, which may go on to run any program, but apart; see `enter_sandbox`.

    It and all that it starts read and run what is `readable`, write in `writable` too, and have no socket but pairs, no
    key of the kernel's, no other process to look into or to signal. Modes, owners, times and attributes of files stay
    as they are, and setting them is no error. What called goes on as a monitor, which takes its process group along
    when standard input ends. `processes` counts beside the whole system's. `without`: see `enter_sandbox`. Linux only.

    Raises: OSError where a layer but namespaces is absent, or with `allow_weaker` Landlock or the filter; where other
    threads run; where this process leads no process group. The process must then end.
    """

def sha256(data: Buffer, /) -> bytes: ...
def kernels() -> list[str]: ...

@final
class Sha256:
    def __new__(cls, data: Buffer | None = None, /) -> Self: ...
    @property
    def name(self) -> str: ...
    @property
    def digest_size(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Self: ...

@final
class Stat:
    """What identifies one state of one file."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def ctime_ns(self) -> int: ...
    @property
    def inode(self) -> int: ...
    @property
    def device(self) -> int: ...

@final
class Entry:
    """One name that a walk met: a regular file, or what is wrong with it."""

    @property
    def path(self) -> bytes: ...
    @property
    def stat(self) -> Stat | None: ...
    @property
    def error(self) -> str | None: ...

def walk(roots: Sequence[bytes], suffixes: Sequence[str] | None) -> list[Entry]:
    """Every regular file under ``roots`` whose name ends with one of ``suffixes`` (None: every file), sorted by path.

    Symbolic links are followed, a folder is entered once. A root that is a file is always returned. What cannot be
    read, and a root that is not there or is neither file nor folder, is an entry with ``error``.
    """

@final
class Finding:
    @property
    def id(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def message(self) -> str: ...
    @property
    def offset(self) -> int | None: ...

@final
class Outcome:
    """One job of a :class:`Run`, finished."""

    @property
    def index(self) -> int: ...
    @property
    def error(self) -> str | None: ...
    @property
    def stat(self) -> Stat | None: ...
    @property
    def sha256(self) -> bytes | None: ...
    @property
    def blake3(self) -> bytes | None: ...
    @property
    def header(self) -> Header | None:
        """None unless the file begins as a GGUF file does."""
    @property
    def findings(self) -> list[Finding]: ...

@final
class Progress:
    @property
    def bytes_done(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    @property
    def files_done(self) -> int: ...
    @property
    def lanes(self) -> list[tuple[int, int, int, int]]:
        """Files being read now: thread, job index, bytes done, size."""

@final
class Run:
    """Reads many files at once on threads of its own; see ``kandil-core::library``."""

    def __new__(
        cls,
        jobs: Sequence[tuple[bytes, int, Mode]],
        *,
        threads: int = 0,
        max_memory_bytes: int = ...,
        max_rate_bytes: int | None = None,
        blake3: Blake3 = "auto",
        drop_cache: bool = False,
    ) -> Self:
        """``jobs``: path, size in bytes (only used to plan), mode. ``threads`` 0: one a usable CPU."""
    def take(self, timeout_seconds: float) -> list[Outcome]:
        """What has finished since the last call; waits up to the timeout for the first."""
    @property
    def finished(self) -> bool:
        """True once all threads have stopped and every outcome has been taken."""
    def progress(self) -> Progress: ...
    def cancel(self) -> None:
        """Files in flight are given up; threads stop at the next chunk."""

def rules() -> list[Rule]:
    """Every rule, in the order in which a file is walked; a :class:`Finding` has the ``id`` of one."""

@final
class Rule:
    """A check of GGUF files: what it finds, and what a person whose file it reports should know."""

    @property
    def id(self) -> str:
        """``KG-…``; never changes its meaning."""
    @property
    def severity(self) -> Severity:
        """Of its findings."""
    @property
    def summary(self) -> str:
        """What it finds, in one line."""
    @property
    def explanation(self) -> str:
        """Why that is bad, and for whom."""
    @property
    def reference(self) -> str:
        """The advisory, specification or source that says so."""
    @property
    def false_positives(self) -> str:
        """Which sound files come near it; what to do with a file that it reports."""

@final
class Tensor:
    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """As stored: fastest dimension first."""
    @property
    def type(self) -> str:
        """The ggml type's name, or ``type 77`` for an unknown one."""
    @property
    def offset(self) -> int:
        """From the start of the file."""
    @property
    def size_bytes(self) -> int: ...

@final
class Header:
    """The index of a GGUF header: keys, their types and places, and the tensors; values are read when asked for."""

    @staticmethod
    def open(path: str | bytes | PathLike[str] | int) -> Header:
        """Reads only the header. Raises OSError; what is wrong with the bytes is in ``findings``.

        An int is an open descriptor of a regular file: it is duplicated, and its position does not matter.
        """
    @property
    def version(self) -> int: ...
    @property
    def big_endian(self) -> bool: ...
    @property
    def alignment(self) -> int: ...
    @property
    def data_offset(self) -> int | None:
        """None when the header is broken before its end."""
    @property
    def file_size_bytes(self) -> int: ...
    @property
    def is_gguf(self) -> bool: ...
    @property
    def findings(self) -> list[Finding]: ...
    @property
    def tensors(self) -> list[Tensor]:
        """Made anew at each call; empty in what a :class:`Run` gives, which keeps their number alone."""
    @property
    def tensor_count(self) -> int: ...
    def keys(self) -> list[str]: ...
    def type(self, key: str) -> str:
        """``uint32``, ``string``, ``array[string]``, … Raises KeyError."""
    def count(self, key: str) -> int | None:
        """Elements of an array; None for a scalar. Raises KeyError."""
    def value_size_bytes(self, key: str) -> int:
        """What reading the value would read. Raises KeyError."""
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def get(self, key: str, default: object = None) -> object:
        """The value, or ``default`` where there is no such key. Raises OSError, ValueError."""
    def kept(self, key: str) -> bool | int | float | str | None:
        """The value if the scan has kept it, as it does numbers and short strings; else None. Reads nothing."""
    def __getitem__(self, key: str, /) -> bool | int | float | str | list[bool] | list[int] | list[float] | list[str]:
        """The value, read from the file now (or kept, where it is small). Raises KeyError, OSError, ValueError."""
    def check_weights(
        self, *, full: bool = False, threads: int = 0, go_on: Callable[[int], object] | None = None
    ) -> list[Finding]:
        """NaN and infinity among the tensors' weights and block scales, at most one finding for each tensor.

        Reads up to 128 KiB of each tensor, or all, without the GIL, on so many threads (0: one a usable CPU). ``go_on``
        is told now and then how many bytes were looked at since the last time; a false answer, as Ctrl-C, ends the look
        soon. Empty for what a :class:`Run` gives, which keeps no tensors. Raises InterruptedError where ``go_on`` said
        so, OSError, and ValueError where the file has changed.
        """

def profile(profile_id: str) -> str | None:
    """The profile with this id, as JSON."""

def profile_ids() -> list[str]:
    """Every profile's id, sorted."""

def profile_names() -> list[tuple[str, str]]:
    """Every name that leads to a profile, and the id that it leads to."""

def profiles_named(name: str) -> list[str]:
    """The ids of the profiles whose surest name this is, in another spelling; several: none is meant alone."""

def provider(provider_id: str) -> str | None:
    """The provider with this id, as JSON."""

def provider_ids() -> list[str]:
    """Every provider's id, sorted."""

def alias(name: str) -> str | None:
    """What this alias stands for, as JSON."""

def alias_names() -> list[str]:
    """Every alias, sorted."""

def fact_source(name: str) -> str | None:
    """The title of a source of facts."""

def published_files() -> str:
    """Every published GGUF file, as a JSON list."""

def normal_name(name: str) -> str:
    """The form in which two spellings of one name are the same."""

def check_profile(fields: dict[str, object]) -> list[tuple[str, str]]:
    """What is wrong with a profile of the user's: (field, what). Raises TypeError, ValueError, OverflowError."""

@final
class Names:
    """Names, prepared to be ranked by how like they are to what somebody typed."""

    def __new__(cls, names: Sequence[str]) -> Self: ...
    def rank(self, query: str, limit: int = 5) -> list[tuple[int, float]]:
        """The best for the query, best first: index and score, from 0 to 1, where 1 is the same name.

        What scores below 0.3 is left out. Of names that score the same the shorter is better, then the earlier. Without
        the GIL.
        """
    def __len__(self) -> int: ...

@final
class BatchForm:
    """What the lines of a batch are; see ``kandil-core::batch::row``. ``defaults`` are names and JSON."""

    def __new__(
        cls,
        *,
        text: bool = False,
        template: str | None = None,
        system: str | None = None,
        defaults: list[tuple[str, str]] | None = None,
        model: str | None = None,
    ) -> Self:
        """Raises ValueError: the template is none."""

@final
class BatchLock:
    """An output that no other process writes to, or mends, until `release`, or the end of this process."""

    def __new__(cls, output: Path) -> Self:
        """Raises ValueError with ``("busy", process)``, of which the number may not be known; OSError."""

    def release(self) -> None: ...

@final
class BatchRecorded:
    """What outputs already hold."""

    @staticmethod
    def read(output: Path, errors: Path, *, mend: bool) -> BatchRecorded:
        """Reads the outputs of a former run and, if `mend`, makes them whole. Without the GIL.

        Raises ValueError with path and line number: it is no output of a batch, and was not touched; OSError.
        """
    @property
    def rows(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def tokens(self) -> tuple[int, int, int]:
        """Of prompts, of these from providers' caches, of answers."""
    @property
    def torn_bytes(self) -> int: ...
    @property
    def damaged(self) -> int: ...
    @property
    def repeated(self) -> int: ...

@final
class BatchIndex:
    """Where in a file the rows of each model are, and which are done."""

    @staticmethod
    def scan(path: Path, form: BatchForm, recorded: BatchRecorded, shard: tuple[int, int] | None = None) -> BatchIndex:
        """One pass over the file. Without the GIL.

        Raises ValueError with ``("duplicate", custom_id, line, line)``, ``too-many-models`` or ``not-a-file``; OSError.
        """
    def __len__(self) -> int: ...
    @property
    def lanes(self) -> list[tuple[str | None, int, int, int, int, int, int]]:
        """Of each model its name, and of its rows: all, done, and of the others the input tokens, the most of one row,
        the output tokens asked for, and how many do not say.
        """
    @property
    def bad(self) -> tuple[int, list[tuple[int, str]]]:
        """How many rows cannot be sent; line and reason of the first ones."""
    @property
    def failed(self) -> tuple[int, int]:
        """How many rows have failed in former runs; of these, those that cannot be sent."""
    @property
    def changed(self) -> tuple[int, list[str]]:
        """How many rows are not what they were when they were answered; the first ones' names."""
    @property
    def elsewhere(self) -> int: ...
    @property
    def left_out(self) -> list[str]: ...

def batch_drop(path: Path, recorded: BatchRecorded, changed: tuple[Path, BatchForm] | None) -> None:
    """Takes rows out of a file of results: those that failed, or those of an input that have changed."""

def batch_order(rows: Path, form: BatchForm, part: Path, output: Path) -> int:
    """Writes the results in ``part`` to ``output``, in the order of those in ``rows``; ``part`` is removed. How
    many there are. Without the GIL. Raises OSError.
    """

def batch_split(rows: Path, form: BatchForm, count: int, folder: Path) -> list[tuple[Path, int]]:
    """Divides rows by their names: the new files and how many rows each has. Without the GIL.

    Raises ValueError with ``("duplicate", custom_id, line, line)``, ``("row", line, reason)`` or ``("count", most)``;
    OSError.
    """

def batch_merge(inputs: list[Path], output: Path, errors: Path) -> tuple[int, int, int, int]:
    """Joins results: rows answered, failed, with more than one end; damaged lines, which are left out. Without the GIL.

    Raises ValueError with ``("foreign", path, line)`` or ``("conflict", custom_id, (path, line), (path, line))``;
    OSError.
    """

@final
class BatchLane:
    """A model of a run: whom to ask, how, and what holds it back. For one run."""

    def __new__(
        cls,
        name: str,
        *,
        protocol: str,
        model: str,
        urls: tuple[str | None, str | None, str | None, str | None],
        headers: list[tuple[str, bytes, bool]],
        bucket: Bucket,
        breaker: Breaker,
        first: int,
        most: int,
        deadlines: tuple[float, float, float, float | None],
        largest_body_bytes: int,
        prices: tuple[int, int, int],
        usual_output_tokens: int,
        most_output_tokens: int,
        responses: bool,
        reasons: bool | None,
        temperature_allowed: bool | None,
        context_tokens: int | None,
        lacks: list[str],
        secrets: list[bytes],
        may_ask_again: bool,
        cache: tuple[Path, bytes, int] | None = None,
    ) -> Self:
        """``urls`` of chats, completions, embeddings, responses; ``headers`` with whether each is secret; ``deadlines``
        in seconds: connection, first byte, between two parts, all; ``prices`` in picodollars a token: input, cached
        input, output; ``cache``: its folder, all that
        its answers depend on beside the rows, its largest size. Raises ValueError, OSError.
        """

@final
class BatchRun:
    """A batch under way, on a thread of its own."""

    def __new__(
        cls,
        lanes: list[BatchLane],
        form: BatchForm,
        *,
        index: BatchIndex | None = None,
        files: tuple[Path, Path] | None = None,
        most_retries: int,
        most_reasks: int = 0,
        schema: bytes | None = None,
        budget: int | None = None,
        spent: int = 0,
        patience_seconds: float,
        seed: int,
        proxies: list[tuple[str, str, str, int, tuple[str, str] | None]] = ...,
    ) -> Self:
        """The rows of ``index`` go to ``files``; without these, rows are fed, and lines taken. Money in picodollars.
        ``proxies``: origin, then the proxy's scheme, host, port, and name and password.

        Raises ValueError with ``("busy", path)``: another run has the files; OSError.
        """
    def fileno(self) -> int:
        """Readable when there is something to take."""
    def take(self) -> dict[str, Any]:
        """What there is: ``troubles`` (number, lane, then one of: status, headers and body; why it is malformed; a
        fault), ``learned`` (lane, headers), ``dry`` (lanes), ``lines`` (an answer or an error, the line), ``written``
        (lines, of these synced), and if there are any, ``news`` and ``ended``.
        """
    def decide(self, decided: list[tuple[int, str, str, float, float | None, str, str]]) -> None:
        """Of troubles: number, ``retry``, ``fail`` or ``stop``, ``working``, ``failing`` or ``unknown``, seconds before
        it goes again, seconds before any goes, and the error's code and message.
        """
    def feed(self, lane: int, lines: list[bytes], ended: bool) -> int:
        """More rows, and whether these are the last; gives how many more there is room for."""
    def stop(self) -> None:
        """Nothing more is sent; what is under way is waited for."""
    def abort(self) -> None:
        """Nothing is waited for."""
    def close(self, rescue: Path) -> tuple[int, str | None, list[Path], int]:
        """Ends the thread. Lines on the disk, why not all are, where the others were saved, how many are nowhere.
        Without the GIL.
        """

@final
class JsonSchema:
    """A JSON Schema, compiled. References lead nowhere but into itself."""

    def __new__(cls, json: bytes) -> Self:
        """Raises ValueError: it is no JSON, no schema, or refers to what lies elsewhere."""
    def violation(self, text: str) -> tuple[str, str] | None:
        """What is first wrong with the JSON in ``text``: a JSON Pointer to it (empty: the whole) and why. Without the
        GIL.
        """

@final
class BatchTarget:
    """Who answers a batch: all on which the translation of bodies depends; see ``kandil-core::batch::protocol``."""

    def __new__(
        cls,
        protocol: str,
        model: str,
        *,
        responses: bool = False,
        reasons: bool | None = None,
        temperature_allowed: bool | None = None,
        max_output_tokens: int | None = None,
        context_tokens: int | None = None,
        lacks: list[str] = ...,
    ) -> Self: ...
    def encode(self, url: str, body: bytes) -> bytes:
        """The provider's body for a row's, in OpenAI's form. Raises ValueError: where and why it cannot be sent."""
    def decode(self, url: str, body: bytes) -> tuple[bytes, str | None, tuple[int | None, int | None, int | None]]:
        """OpenAI's form of an answer, on one line; what it says; tokens: of the prompt, of these from a cache, of the
        answer. Raises ValueError: it is none.
        """

@final
class Benchmark:
    """Rounds of requests to one URL, on connections that are kept from round to round, on a thread of its own.

    Moments are nanoseconds of the clock that goes on while the machine sleeps (CLOCK_BOOTTIME on Linux), taken on that
    thread as a part is read from its socket.
    """

    def __new__(
        cls,
        url: str,
        *,
        headers: Sequence[tuple[bytes, bytes]],
        deadlines: tuple[float, float, float, float | None],
        largest_body_bytes: int,
        proxied: tuple[str, str, str, int, tuple[str, str] | None] | None = None,
    ) -> Self:
        """`deadlines`: seconds to connect, to a first byte, between two parts, for all. Raises: ValueError, OSError."""
    def fileno(self) -> int:
        """Readable when a round is over."""
    def begin(
        self,
        bodies: Sequence[bytes],
        *,
        concurrency: int,
        rate_per_second: float | None = None,
        seed: int = 0,
        limit: tuple[Bucket, int, int] | None = None,
    ) -> None:
        """A round: each body is sent once, `concurrency` at once at most; the round before it is stopped.

        With `rate_per_second` they are due at the moments of a Poisson process, else as others end. With `limit`, a
        bucket and the tokens in and out of each, none is due before there is room for it.
        """
    def progress(self) -> tuple[int, int, int, bool, int]:
        """Requests sent and ended; bytes that were not taken; whether it is over; nanoseconds kept by the limits."""
    def take(
        self,
    ) -> list[
        tuple[
            int,
            int,
            int,
            tuple[int, int, list[tuple[str, str]], bool] | None,
            list[tuple[int, int]],
            bytes,
            int,
            tuple[str, dict[str, Any]] | None,
        ]
    ]:
        """Those that have ended: number, when it was due, when it was sent, the head (when it came, status, headers,
        whether its connection had served others), of the body when each part was read and where it ends, the body, the
        end, why it is not whole: what errors of `kandil.errors.network` are made of.
        """
    def stop(self) -> None:
        """What is under way is ended, and not told of."""
    def close(self) -> None:
        """The thread and its connections end."""

@final
class Download:
    """A file that comes, as `kandil.download` has it fetched. All of it is bytes. `__new__`, `sync` and `close` wait
    for the disk, without the GIL; once it is closed, nothing else is for it to do: ValueError.
    """

    BLOCK_BYTES: Final[int]
    """What is recorded as one: of a block that has begun, a crash loses what came."""
    def __new__(
        cls,
        file: str | PathLike[str],
        journal: str | PathLike[str] | None,
        identity: str,
        boot: str,
        size_bytes: int | None,
        *,
        connections: int,
        rate_bytes_per_second: int | None = None,
    ) -> Self:
        """What is there, as the journal has it, is read and hashed from now on.

        Without a journal, or where the size is not known, the file can only come whole, in one attempt, and begins
        anew. `identity` is one line: what must be the same for blocks to belong together. `boot` names the system's
        start: after another one, what was written is believed only as far as it was on the disk. Raises: OSError: also
        that there is no room; ValueError.
        """
    @staticmethod
    def begun_bytes(journal: str | PathLike[str]) -> int:
        """What has come of a file, as its journal says; 0 without one. The last block may be shorter than that."""
    @property
    def resumed_bytes(self) -> int:
        """What was there before."""
    @property
    def replaced(self) -> bool:
        """What was there before was of another file, and is gone."""
    def fileno(self) -> int:
        """Readable when an attempt has ended, or all is hashed; `ended` makes it wait again."""
    def attempt(
        self,
        url: str,
        *,
        headers: list[tuple[bytes, bytes]],
        etag: str | None,
        condition: str | None,
        deadlines: tuple[float, float, float],
        proxied: tuple[str, str, str, int, tuple[str, str] | None] | None = None,
        addresses: tuple[str, list[IPv4Address | IPv6Address]] | None = None,
    ) -> None:
        """Begins to fetch what is missing, from this URL alone, which redirects nowhere: one attempt at a time.

        Answers of another `etag` are not taken; `condition` is for ``If-Range``. `deadlines`, in seconds: for a
        connection, for the head of an answer, between two parts of it. `addresses`: a host, and all that it has.
        Raises: ValueError.
        """
    def ended(self) -> list[tuple[str, dict[str, Any]]] | None:
        """What went wrong in an attempt that has ended, once: ``fault`` (`fault`, as `Transport.take` has it),
        ``refused`` (`status`, `headers`), ``changed`` (`what`), ``encoded`` (`coding`), ``disk`` (`errno`, `reason`).
        Nothing: all is there. None: it goes on.
        """
    def progress(self) -> tuple[int | None, int, int]:
        """In bytes: of the whole, where it is known; written; hashed, from the beginning."""
    def digest(self) -> bytes | None:
        """The SHA-256 of the whole, once all has come and is hashed. Raises: OSError."""
    def outcome(self, path: Path) -> Outcome | None:
        """What was found in the file while it was hashed, once `digest` is there, and once; `path` is its name to be.

        Its `stat` is of now. None: the size was not known before, and nothing was looked at. Raises: OSError;
        ValueError.
        """
    def sync(self) -> None:
        """All that was written is on the disk. Raises: OSError."""
    def close(self) -> None:
        """Ends the attempt, and keeps what came."""

@final
class Bucket:
    """Limits, and what was taken of them; see ``kandil-core::bucket``. The way to them is :mod:`kandil.limits`.

    Times are nanoseconds: of the system's clock that goes on in its sleep, or of ``clock_ns``, which all who share a
    file must share, too. A token is never 0.
    """

    def __new__(cls, path: bytes | None, clock_ns: Callable[[], int] | None = None) -> Self:
        """In this file, which is made or, where it is broken, replaced; None: in this process. Raises OSError."""
    @property
    def shared(self) -> bool: ...
    def take(self, input_tokens: int, output_tokens: int, place: int = 0) -> int:
        """A token; or, negative, for how long to wait before asking again. ``place``: in line, and the token then."""
    def join(self, input_tokens: int, output_tokens: int) -> int:
        """A place at the end of the line of all processes; 0: there is none."""
    def sending(self, token: int) -> None: ...
    def replied(self, token: int) -> None: ...
    def settle(self, token: int, input_tokens: int, output_tokens: int) -> None: ...
    def refund(self, token: int) -> None:
        """The request counts, its tokens do not."""
    def finish(self, token: int) -> None: ...
    def give_back(self, token: int) -> None:
        """A reservation, or a place in line."""
    def wait(self, input_tokens: int, output_tokens: int) -> int: ...
    def refused(self, wait_ns: int) -> None: ...
    def refusals(self) -> int: ...
    def blocked(self) -> int:
        """For how long nobody goes, because the server said so."""
    def limits(self) -> list[int | None]:
        """Requests, tokens, input tokens, output tokens a minute; requests a day; calls at once."""
    def used(self) -> list[int]:
        """In the same order."""
    def list_limit(self, number: int, limit: int | None) -> None:
        """``number``: in that order. Raises IndexError."""
    def learn_limit(self, number: int, limit: int) -> None: ...
    def set_concurrency(self, limit: int | None) -> None: ...
    def remaining(self, number: int, remaining: int, reset_ns: int | None) -> None: ...

@final
class Breaker:
    """A circuit breaker, in a file or in this process."""

    def __new__(cls, path: bytes | None, clock_ns: Callable[[], int] | None = None) -> Self: ...
    @property
    def shared(self) -> bool: ...
    def admit(self) -> tuple[Literal["closed", "half-open", "open"], int, int]:
        """What it is for this call; for how long it has been open, and will be. Half-open: this call probes."""
    def succeeded(self) -> None: ...
    def failed(self) -> None: ...
    def abandoned(self) -> None: ...
    def state(self) -> tuple[int, tuple[int, int] | None]:
        """Failures in a row; for how long it has been open, and will be."""

@final
class Transport:
    """HTTP on a thread of its own; see ``kandil-core::transport``. The way to it is :mod:`kandil.http.transport`."""

    def __new__(cls) -> Self:
        """Raises OSError. Connections and thread end with it."""
    def fileno(self) -> int:
        """Can be read from when :meth:`take` has something to give."""
    def submit(
        self,
        requests: Sequence[tuple[str, str, list[tuple[bytes, bytes]], bytes, tuple[float, float, float, float | None]]],
    ) -> int:
        """Each is method, URL, headers, body; seconds to connect, to the first byte, of idleness, and, or None, in all.

        The first one's number; the others have those that follow. Raises ValueError, which repeats nothing of them.
        """
    def take(
        self,
    ) -> list[
        tuple[
            int, tuple[int, bytes, list[tuple[bytes, bytes]]] | None, bytes, bool, tuple[str, dict[str, object]] | None
        ]
    ]:
        """All that is new: the request's number; once, status, version and headers; what has come of the body, as it
        was sent; whether that is all; and why, if it was not all.
        """
    def consumed(self, number: int, size_bytes: int) -> None:
        """So much of a body was used: as much more may come. Until then, 256 KiB lie here, and no more."""
    def cancel(self, number: int) -> None:
        """Ends a request, and frees its connection. Nothing more is told of it."""
    def set_proxy(
        self,
        origin: str,
        scheme: Literal["http", "https", "socks5"],
        host: str,
        port: int,
        user: tuple[str, str] | None = None,
    ) -> None:
        """To be called before the first request to the origin."""
    @property
    def under_way(self) -> int:
        """Requests without an end, or whose end was not taken."""

@final
class BatchSubmission:
    """Files of requests for a provider's own batches of one model, and its files of results; see
    ``kandil-core::batch::submission``. Without the GIL.
    """

    def __new__(
        cls,
        dialect: str,
        *,
        model: str,
        responses: bool,
        reasons: bool | None,
        temperature_allowed: bool | None,
        max_output_tokens: int | None,
        lacks: Sequence[str],
    ) -> Self:
        """``dialect``: ``openai``, ``mistral`` or ``anthropic``. Raises ValueError."""
    def prepare(
        self,
        index: BatchIndex,
        form: BatchForm,
        lane: int,
        folder: str | PathLike[str],
        *,
        first: int,
        most_rows: int,
        most_bytes: int,
    ) -> tuple[list[tuple[int, str, str, int, int]], tuple[int, list[tuple[str, str]]]]:
        """Writes the rows of a lane that have no end yet into ``N.requests`` and their names into ``N.rows``, from
        ``first`` on: number, the rows' URL, the URL that answers them, rows, bytes of each. Then how many cannot be
        sent, and names and reasons of the first ones; ``unsent`` has their lines of errors. Raises OSError.
        """
    def collect(
        self,
        url: str,
        rows: str | PathLike[str],
        results: Sequence[str | PathLike[str]],
        recorded: BatchRecorded,
        output: str | PathLike[str],
        errors: str | PathLike[str],
        rescue: str | PathLike[str],
        rest: tuple[str, str] | None,
    ) -> tuple[int, int, int]:
        """Appends what results say of rows that ``recorded`` does not have; with ``rest``, those without a result fail
        with that code and message. Rows answered, failed; lines that are no result of these rows.

        Raises OSError; ValueError of ``busy`` and a path, or ``unwritable``, why, what was saved where, what is lost.
        """
    @staticmethod
    def refuse_unsent(
        lines: str | PathLike[str],
        output: str | PathLike[str],
        errors: str | PathLike[str],
        rescue: str | PathLike[str],
    ) -> None:
        """Appends the lines that ``prepare`` has written into ``unsent`` to the errors. Raises as ``collect``."""
