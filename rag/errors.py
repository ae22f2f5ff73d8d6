"""Every error that Olhar raises on purpose.

OlharError
├── InvalidInput           what was given cannot be used: say which, the limit and the remedy
│   ├── BadImage           bytes that cannot be decoded within the limits
│   ├── BadSource          a path, URL, archive or manifest that cannot be read, or may not be
│   ├── BadDocument        a document that is encrypted, broken, empty or of a kind that cannot be read
│   ├── BadVideo           a video that is encrypted, broken, empty or without pictures
│   │   └── SoundAlone         one that has sound and no picture
│   ├── BadSound           a sound that is broken or empty
│   ├── OverLimit          a file that takes more time, memory or space than it may
│   ├── Moderated              what was given is kept out by the moderation policy
│   └── BadSettings        a setting that is unknown, out of bounds or contradictory
├── NotFound               a collection or item that is not there
├── Conflict               the thing asked for contradicts what is stored
│   ├── Changed               somebody else changed the thing since it was read
│   ├── FingerprintMismatch   the collection was built by another encoder
│   └── DataFolderBusy        another process owns the data folder
├── Busy                   more is asked for at a time than is taken on; waiting helps
└── Unavailable            a part outside Olhar cannot be had now; `retryable` says if waiting helps
    ├── ModelUnavailable
    ├── SourceUnavailable
    ├── RecordsUnavailable
    ├── StoreUnavailable
    └── Crashed            the process that read a file died over it

Adapters translate the errors of their vendors into these, once, at the adapter.
"""


class OlharError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is fit to show a user."""

    retryable = False


class InvalidInput(OlharError):
    """Something given by the caller cannot be used."""


class BadImage(InvalidInput):
    """Bytes that are no picture, or one beyond the limits."""


class BadSource(InvalidInput):
    """A path, URL, archive or manifest that cannot be read, or may not be."""


class BadDocument(InvalidInput):
    """A document that cannot be read as it is; the message says why, and what helps."""


class BadVideo(InvalidInput):
    """A video that cannot be read as it is; the message says why."""


class SoundAlone(BadVideo):
    """A file built like a video that has sound and no picture: a sound."""


class BadSound(InvalidInput):
    """A sound that cannot be read; the message says why."""


class OverLimit(InvalidInput):
    """Reading a file takes more time, memory or space than is allowed."""


class Moderated(InvalidInput):
    """A question or a picture of it is kept out by the moderation policy."""


class BadSettings(InvalidInput):
    """A setting is unknown, out of bounds, or contradicts another."""


class NotFound(OlharError):
    """The named thing does not exist."""


class Conflict(OlharError):
    """The request contradicts what is stored."""


class Changed(Conflict):
    """What was to be changed is no longer what was read."""


class FingerprintMismatch(Conflict):
    """The collection was written by an encoder with another fingerprint."""


class DataFolderBusy(Conflict):
    """Another process owns the data folder, and it is not a server that could do the work."""

    retryable = True


class Busy(OlharError):
    """More is asked for at a time than is taken on.

    ``seconds``: until those should be through that are there already, where that is known.
    """

    retryable = True

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unavailable(OlharError):
    """A part outside Olhar cannot be had now."""

    retryable = True


class ModelUnavailable(Unavailable):
    """A model cannot be loaded or reached. The message names the setting that chose it."""


class SourceUnavailable(Unavailable):
    """Where a file lies cannot be reached now, broke off, or was too slow."""


class RecordsUnavailable(Unavailable):
    """The database of jobs and receipts refused, broke off or cannot be reached."""


class StoreUnavailable(Unavailable):
    """Milvus refused, broke off or cannot be reached."""


class Crashed(Unavailable):
    """A child process died while it read a file. Another try may go well."""
