"""What passes between the file opener and the sandbox, and the checks on what comes out of it.

::

    host                                   child (one file, then it ends)
      │── request (JSON) + memory for pages ►│   and the document's sealed memfd, by the pool
      │◄─────────────────────── OwnMemory ───│   made and touched while it waited; then it locks itself
      │◄──────────────────────── Document ───│   kind of document, page count
      │◄──────────────────────────── Page ───│   in which memory lie (H, W, 3) uint8 RGB, then the text layer
      │── credit + memory for a page ───────►│   for each page taken; at most PAGES_IN_FLIGHT are not
      │◄──────── PageFailed / Failed / End ──│

The host keeps a descriptor of all memory that it gives, and of the one that it is given before the file is looked at:
the child says which it has filled by number, in the order in which they came, its own being number 0. Locked, it can
send no descriptor.

Everything that the child sends is a fixed number of bytes that hold numbers and nothing else: no text, no length that
the host would have to trust before it has read on. Sentences are written on the host's side from the numbers. Text
layers travel behind the pixels in the page's memory, as code points and corners, and are read by
``page_memory.decode_text_layer``, which believes none of them.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, fields
from enum import Enum, IntEnum, IntFlag

from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection

PAGES_IN_FLIGHT = 2
"""Pages sent but not yet taken: one is being recognised while the next is rendered, and memory stays bounded."""

MAX_REQUEST_BYTES = 128 * 1024
"""Below the default buffer of a unix socket (212,992 bytes), so that a request is one message."""

MAX_RANGES = 5_000
"""Of a selection of pages; with the longest numbers it fits into a request."""

MAX_SIDE_PX = 32_767
"""Longest side of a page: OpenCV's geometric transforms count pixels in 16 bits with a sign. At 200 dpi, 4 metres."""

MAX_PAGE_COUNT = 2**31 - 1
MAX_DPI = 4800
MAX_WORDS_PER_PAGE = 20_000
MAX_CODE_POINTS_PER_PAGE = 100_000
CREDIT = b"\x01"
"""The byte that memory for a further page comes with."""

_MAGIC = b"YOP2"
# magic, kind, code, two zero bytes, then eight numbers: see ``encode_message`` for which kind uses which.
_MESSAGE = struct.Struct("<4sBB2x8I")
_NUMBERS = 8
MESSAGE_BYTES = _MESSAGE.size


class ForgedMessage(ValueError):
    """What came out of the sandbox is not what the sandbox would say."""


class Failure(IntEnum):
    """Why a document could not be opened."""

    UNSUPPORTED = 1
    UNREADABLE = 2
    PASSWORD = 3
    SELECTION = 4
    PAGES = 5
    IMAGE_PIXELS = 6
    PAGE_SIDE = 7
    DOCUMENT_PIXELS = 8
    MEMORY = 9


FAILURES_OF_A_PAGE = frozenset({Failure.UNREADABLE, Failure.IMAGE_PIXELS, Failure.PAGE_SIDE})
"""What may be wrong with one page while others can be read."""


class PageNotice(IntFlag):
    """What was done differently from asked."""

    NONE = 0
    RENDERED_SMALLER = 1
    ANIMATION_FIRST_FRAME = 2
    IMAGE_TRUNCATED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMemory:
    """The memory that comes with this message is the child's number 0; its first word, before it locks itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOpened:
    """The document is open: what it is and how many pages it says it has."""

    media_type: MediaType
    page_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReady:
    """A page's pixels are in the memory of this number."""

    number: int
    width_px: int
    height_px: int
    stride_bytes: int
    dpi: int
    word_count: int
    code_point_count: int
    memory: int
    notices: PageNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFailed:
    """A page that could not be read, one way or another; its neighbours are."""

    number: int
    memory: int
    """Which is of no more use."""
    failure: Failure = Failure.UNREADABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFailed:
    """The document cannot be opened; ``value`` is what met the limit, where a limit was met."""

    failure: Failure
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEnded:
    """All selected pages were sent."""


SandboxMessage = OwnMemory | DocumentOpened | PageReady | PageFailed | OpenFailed | OpenEnded


class _Kind(Enum):
    DOCUMENT = 1
    PAGE = 2
    PAGE_FAILED = 3
    FAILED = 4
    END = 5
    OWN_MEMORY = 6


_MEDIA_TYPES: tuple[MediaType, ...] = tuple(MediaType)
_UINT32_MAX = 2**32 - 1


def encode_message(message: SandboxMessage) -> bytes:
    """Write one message down: ``MESSAGE_BYTES`` bytes."""
    match message:
        case DocumentOpened():
            numbers = [message.page_count]
            return _pack(_Kind.DOCUMENT, numbers, code=_MEDIA_TYPES.index(message.media_type))
        case PageReady():
            numbers = [message.number, message.width_px, message.height_px, message.stride_bytes, message.dpi]
            numbers += [message.word_count, message.code_point_count, message.memory]
            return _pack(_Kind.PAGE, numbers, code=int(message.notices))
        case PageFailed():
            return _pack(_Kind.PAGE_FAILED, [message.number, message.memory], code=int(message.failure))
        case OpenFailed():
            return _pack(_Kind.FAILED, [min(message.value, _UINT32_MAX)], code=int(message.failure))
        case OpenEnded():
            return _pack(_Kind.END, [])
        case OwnMemory():
            return _pack(_Kind.OWN_MEMORY, [])


def _pack(kind: _Kind, numbers: list[int], *, code: int = 0) -> bytes:
    return _MESSAGE.pack(_MAGIC, kind.value, code, *numbers, *[0] * (_NUMBERS - len(numbers)))


def decode_message(untrusted: bytes) -> SandboxMessage:
    """Read one message from the sandbox.

    Raises:
        ForgedMessage: the bytes are not one message, a number is outside its range, or an unused one is not zero.
    """
    if len(untrusted) != MESSAGE_BYTES:
        raise ForgedMessage(f"a message of {len(untrusted)} bytes")
    magic, kind_number, code, *numbers = _MESSAGE.unpack(untrusted)
    # Written again and compared: unused fields and padding are zero, or it is not our message.
    try:
        message = _read(_Kind(kind_number), code, numbers)
    except ValueError as error:
        raise ForgedMessage("a message with a kind or code that does not exist") from error
    if magic != _MAGIC or encode_message(message) != untrusted:
        raise ForgedMessage("a message with bytes where none belong")
    return message


def _read(kind: _Kind, code: int, numbers: list[int]) -> SandboxMessage:
    match kind:
        case _Kind.DOCUMENT:
            if code >= len(_MEDIA_TYPES):
                raise ForgedMessage("a kind of document that does not exist")
            _within(numbers[0], 1, MAX_PAGE_COUNT)
            return DocumentOpened(media_type=_MEDIA_TYPES[code], page_count=numbers[0])
        case _Kind.PAGE:
            return _read_page(code, numbers)
        case _Kind.PAGE_FAILED:
            _within(numbers[0], 1, MAX_PAGE_COUNT)
            failure = Failure(code)
            if failure not in FAILURES_OF_A_PAGE:
                raise ForgedMessage("a failure that no page has")
            return PageFailed(number=numbers[0], memory=numbers[1], failure=failure)
        case _Kind.FAILED:
            return OpenFailed(failure=Failure(code), value=numbers[0])
        case _Kind.END:
            return OpenEnded()
        case _Kind.OWN_MEMORY:
            return OwnMemory()


def _read_page(code: int, numbers: list[int]) -> PageReady:
    number, width_px, height_px, stride_bytes, dpi, word_count, code_point_count, memory = numbers
    _within(number, 1, MAX_PAGE_COUNT)
    _within(width_px, 1, MAX_SIDE_PX)
    _within(height_px, 1, MAX_SIDE_PX)
    _within(stride_bytes, width_px * 3, width_px * 3)
    _within(dpi, 0, MAX_DPI)
    _within(word_count, 0, MAX_WORDS_PER_PAGE)
    _within(code_point_count, word_count, MAX_CODE_POINTS_PER_PAGE if word_count else 0)
    if code & ~sum(PageNotice):
        raise ForgedMessage("a notice that does not exist")
    return PageReady(
        number=number,
        width_px=width_px,
        height_px=height_px,
        stride_bytes=stride_bytes,
        dpi=dpi,
        word_count=word_count,
        code_point_count=code_point_count,
        memory=memory,
        notices=PageNotice(code),
    )


def _within(untrusted_number: int, lowest: int, highest: int) -> None:
    if not lowest <= untrusted_number <= highest:
        raise ForgedMessage(f"a number {untrusted_number} outside {lowest} to {highest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """What the host asks of the child; the document's bytes come beside it."""

    selection: PageSelection
    limits: OpenLimits
    text_layer: bool
    timeout_s: float


def encode_request(request: OpenRequest) -> bytes:
    """Write a request down as JSON, at most ``MAX_REQUEST_BYTES`` long.

    Raises:
        ValueError: the selection has too many ranges.
    """
    body = json.dumps(
        {
            "ranges": request.selection.merged(),
            "limits": asdict(request.limits),
            "text_layer": request.text_layer,
            "timeout_s": request.timeout_s,
        }
    ).encode()
    if len(body) > MAX_REQUEST_BYTES:
        raise ValueError("the selection has too many ranges")
    return body


def decode_request(body: bytes) -> OpenRequest:
    """Read a request; it comes from the host, which the child trusts.

    Raises:
        ValueError: it is not a request.
    """
    try:
        document = json.loads(body)
        limits = OpenLimits(**{field.name: document["limits"][field.name] for field in fields(OpenLimits)})
        return OpenRequest(
            selection=PageSelection(ranges=tuple((int(first), int(last)) for first, last in document["ranges"])),
            limits=limits,
            text_layer=bool(document["text_layer"]),
            timeout_s=float(document["timeout_s"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not an opening request") from error
