"""Which working directories are meant by the name of a project: this one, or any that ends in it.

Signs at the end make no difference, on either side: tools note ``D:/`` and ``/srv/x/``, too.
"""

from __future__ import annotations

from typing import Final

_SIGNS: Final = "/\\"
_DIRECTORY: Final = f"rtrim(s.working_dir, '{_SIGNS}')"

#: A condition for `sessions AS s`; ``{0}`` is the parameter that `name_of` gives, four times.
IN_PROJECT: Final = (
    f"({_DIRECTORY} = {{0}} OR substr({_DIRECTORY}, -length({{0}}) - 1)"
    " IN ('/' || {0}, '\\' || {0}))"
)


def name_of(project: str) -> str:
    """Return what working directories are compared with.

    Args:
        project: as it was asked for.
    """
    return project.rstrip(_SIGNS)
