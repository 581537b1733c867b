"""Every bound that both ends of the wire share, in one place.

Sizes are bytes, times are seconds. The server refuses what is above them; the collector never
sends it.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

#: Longest line of a source that is read; a longer one becomes an `unmapped` system turn.
MAX_LINE_BYTES: Final = 16 * MIB
#: Largest document of a source that is rewritten whole; a larger one becomes an `unmapped` turn.
MAX_DOCUMENT_BYTES: Final = 256 * MIB
#: Largest event on the wire; tool outputs are cut until the event fits.
MAX_EVENT_BYTES: Final = 4 * MIB
#: Most lines of one batch.
MAX_BATCH_LINES: Final = 2000
#: Most bytes of one batch, before compression.
MAX_BATCH_BYTES: Final = 8 * MIB
#: Largest request that the server reads, after decompression.
MAX_REQUEST_BYTES: Final = 16 * MIB
#: Most lines that the server reads from one request.
MAX_REQUEST_LINES: Final = 100_000
#: Most events of one record of a source; one that gives more becomes an `unmapped` turn.
MAX_RECORD_EVENTS: Final = 1 << 16
#: How much of an unmappable line is kept in the turn that stands for it.
MAX_UNMAPPED_RAW_BYTES: Final = 64 * KIB
#: How long an event may wait in an unfilled batch.
MAX_BATCH_AGE_SECONDS: Final = 2.0
#: Longest bearer token; one of an identity provider, with an RSA signature, takes a KiB or two.
MAX_TOKEN_BYTES: Final = 8 * KIB

#: `tool` and `host` on the wire.
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
#: `session_id` and `parent_session_id` on the wire.
SESSION_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$(?!\n)"
#: `turn_id` and `usage.key` on the wire: printable ASCII without blanks.
KEY_PATTERN: Final = r"^[!-~]{1,256}$(?!\n)"

#: Largest integer on the wire: what SQLite, PostgreSQL and a 64-bit signed integer hold.
MAX_INTEGER: Final = 2**63 - 1
#: Largest `seq` and `revision`: what a JavaScript number holds exactly.
MAX_SEQ: Final = 2**53 - 1
#: Latest timestamp on the wire: 9999-12-31T23:59:59Z.
MAX_TIMESTAMP: Final = 253_402_300_799.0
