"""Strict settings: one YAML file, an overlay from the environment, one-line errors.

A program describes its settings as a marshmallow schema of the fields below and calls
`load_settings`. What is wrong is told in one line that names the place, the key and what is
allowed, and never shows a value, which may be a secret::

    collector.yaml:3: server.urll: unknown key; allowed: token_file, url

* A key that the schema does not know, a key given twice and a value of another type are errors.
* ``PREFIX__SERVER__URL=...`` in the environment overrides ``server.url``. Lists may be written
  as ``a,b``; mappings as YAML: ``PREFIX__SOURCES='{claude-code: [~/x]}'``.
* A section that is absent is as if it was empty: its keys have their defaults, or are missed.
"""

from __future__ import annotations

import difflib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from lethe_core.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_FILE_BYTES: Final = 256 * 1024
_MAX_VALUES: Final = 10_000

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

_UNKNOWN: Final = "unknown key"
_REQUIRED: Final = "is required"
_MAX_DEPTH: Final = 16

_KeyPath = tuple[str | int, ...]


def load_settings(
    schema: Schema,
    *,
    path: Path | None,
    env_prefix: str,
    environ: Mapping[str, str],
    options: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Load and check settings.

    Args:
        schema: what is allowed; made of the fields of this module.
        path: the YAML file, or `None` for the environment alone.
        env_prefix: such as ``LETHE_COLLECTOR__``; the rest of a variable's name is the key, its
            parts joined by two underscores.
        environ: the environment.
        options: by key, what the command line says instead of all others; ``data_dir`` is told as
            ``--data-dir``.

    Returns:
        What `schema` makes of it, defaults filled in.

    Raises:
        ConfigInvalid: in one line: the file and line, the variable or the option; the key; what is
            allowed.
    """
    document = _Document(str(path) if path else "the configuration")
    if path is not None:
        document.read(path)
    for name in sorted(environ):
        if name.startswith(env_prefix):
            keys = tuple(name.removeprefix(env_prefix).lower().split("__"))
            _overlay(document, schema, f"environment variable {name}", keys, environ[name])
    for name, value in (options or {}).items():
        if value is not None:
            _overlay(document, schema, f"option --{name.replace('_', '-')}", (name,), value)
    document.values = _fill_sections(schema, document.values)
    try:
        loaded: dict[str, Any] = schema.load(document.values)
    except ValidationError as error:
        problems = sorted(_flatten(error.messages, schema, ()), key=document.order)
        key_path, node, message = problems[0]
        raise ConfigInvalid(_sentence(document.place(key_path), key_path, node, message)) from None
    return loaded


# Fields ------------------------------------------------------------------------------------


def _messages(**messages: str) -> dict[str, Any]:
    return dict(messages)


class Settings(Schema):
    """Base of a schema of settings, and of its sections."""

    error_messages = _messages(unknown=_UNKNOWN, type="must be a mapping of keys to values")

    class Meta:
        unknown = RAISE


class _Strict(fields.Field[Any]):
    """A field that converts nothing it should not, with messages for people.

    Attributes:
        allowed: what may stand there; the metadata key ``allowed`` of one field overrides it.
    """

    allowed: ClassVar[str] = ""
    default_error_messages = _messages(
        required=_REQUIRED,
        null="must not be empty",
        invalid="has a wrong type",
    )


class Text(_Strict):
    """Text as it stands."""

    allowed = "text (quote it if YAML reads it as a number or date)"
    default_error_messages = _messages(invalid="must be text")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if not isinstance(value, str) or not value:
            raise self.make_error("invalid")
        return value


class Choice(Text):
    """One of a few words.

    Args:
        words: what is allowed.
    """

    def __init__(self, *words: str, **kwargs: Any) -> None:
        choices = ", ".join(words)
        kwargs.setdefault("metadata", {})["allowed"] = choices
        check = validate.OneOf(words, error="is none of the words that are known here")
        super().__init__(validate=check, **kwargs)


class FilePath(Text):
    """A path; ``~`` is the home directory, and what is relative begins at the working directory."""

    allowed = "a path"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - keeps symlinks
        except RuntimeError as error:
            raise ValidationError("names a home directory that does not exist") from error


class ServerUrl(Text):
    """Where a lethe server is: with TLS anywhere, without it on this machine alone."""

    allowed = "https://HOST[:PORT][/PATH], or http:// on 127.0.0.1, localhost, ::1"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(text)
            port_is_valid = parts.port is None or parts.port > 0
        except ValueError:
            raise ValidationError("is no URL") from None
        if not parts.hostname or not port_is_valid or parts.query or parts.fragment or " " in text:
            raise ValidationError("is no URL of a server")
        if parts.username is not None or parts.password is not None:
            raise ValidationError(
                "must not hold a name or password; the token stands in its own file"
            )
        if parts.scheme not in ("http", "https"):
            raise ValidationError("has an unknown scheme")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValidationError("would send token and turns unencrypted over a network")
        return text


class Switch(_Strict):
    """``true`` or ``false``."""

    allowed = "true, false"
    default_error_messages = _messages(invalid="must be true or false")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class _Bounded(_Strict):
    """A number with bounds, both included."""

    unit: ClassVar[str] = ""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        allowed = f"{self.allowed} from {_show(low)} to {_show(high)}{self.unit}"
        kwargs.setdefault("metadata", {}).setdefault("allowed", allowed)
        check = validate.Range(low, high, error="is out of range")
        super().__init__(validate=check, **kwargs)


class Whole(_Bounded):
    """A whole number."""

    allowed = "a whole number"
    default_error_messages = _messages(invalid="must be a whole number")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class _Measured(_Bounded):
    """A number of a base unit, or text with a unit behind it."""

    units: ClassVar[dict[str, float]] = {}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if isinstance(value, str):
            match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]+)", value)
            if match is None or match[2] not in self.units:
                raise self.make_error("invalid")
            return float(match[1]) * self.units[match[2]]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        return float(value)


class Number(_Measured):
    """A number, perhaps with a fraction."""

    allowed = "a number"
    default_error_messages = _messages(invalid="must be a number")


class Seconds(_Measured):
    """A duration: seconds, or text such as ``500 ms``, ``2s``, ``5 m``, ``1h``."""

    allowed = "a duration such as 30, 500ms, 5m"
    unit = " s"
    units: ClassVar[dict[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    default_error_messages = _messages(invalid="must be a duration")


class Size(_Measured):
    """A number of bytes, or text such as ``256 MiB``."""

    allowed = "a size such as 1048576, 512 KiB, 8 MiB"
    unit = " bytes"
    units: ClassVar[dict[str, float]] = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    default_error_messages = _messages(invalid="must be a size")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return int(super()._deserialize(value, attr, data, **kwargs))


class Items(fields.List[Any]):
    """A list; in the environment also ``a,b``."""

    default_error_messages = _messages(
        required=_REQUIRED,
        null="must not be empty",
        invalid="must be a list",
    )


class Table(fields.Dict):
    """A mapping whose keys the user chooses."""

    default_error_messages = _messages(
        required=_REQUIRED,
        null="must not be empty",
        invalid="must be a mapping",
    )


class Section(fields.Nested):
    """A mapping with keys of its own; as if empty where it is absent.

    Args:
        schema: the keys.
    """

    def __init__(self, schema: type[Settings], **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)


# The document ------------------------------------------------------------------------------


class _Document:
    """Plain values, and where each of them stands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: Any = {}
        self._lines: dict[_KeyPath, int] = {}
        self._overlaid: dict[_KeyPath, str] = {}

    def read(self, path: Path) -> None:
        """Read a YAML file.

        Raises:
            ConfigInvalid: it cannot be read, or is no YAML mapping.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            text = data.decode("utf-8")
        except OSError as error:
            raise ConfigInvalid(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigInvalid(f"{path}:{line}: is no UTF-8") from error
        if len(data) > _MAX_FILE_BYTES:
            raise ConfigInvalid(f"{path}: is larger than {_MAX_FILE_BYTES} bytes")
        parsed = _parse(text, str(path))
        if parsed is None:
            return
        if not hasattr(parsed, "lc") or not isinstance(parsed, dict):
            raise ConfigInvalid(f"{path}:1: must be a mapping of keys to values")
        self.values = self._plain(parsed, ())

    def put(self, key_path: _KeyPath, value: Any, place: str) -> None:
        """Set one value from the environment or the command line.

        Raises:
            ConfigInvalid: what the key is part of is no mapping in the file.
        """
        node = self.values
        for index, name in enumerate(key_path[:-1], start=1):
            if node.get(name) is None:
                node[name] = {}
            node = node[name]
            if not isinstance(node, dict):
                wrong = self.place(key_path[:index])
                raise ConfigInvalid(f"{wrong}: {_dotted(key_path[:index])}: must be a mapping")
        node[key_path[-1]] = value
        self._overlaid[key_path] = place

    def place(self, key_path: _KeyPath) -> str:
        """Name the place of a key, or of the nearest mapping around it."""
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self._overlaid:
                return self._overlaid[key_path[:length]]
            if key_path[:length] in self._lines:
                return f"{self.name}:{self._lines[key_path[:length]]}"
        return f"{self.name}:1" if self._lines else self.name

    def order(self, problem: tuple[_KeyPath, Any, str]) -> tuple[bool, int, str]:
        """Sort problems as a reader meets them; a missing key may be a misspelt one: last."""
        key_path, _, message = problem
        return message == _REQUIRED, self._lines.get(key_path, 0), _dotted(key_path)

    def _plain(self, node: Any, key_path: _KeyPath) -> Any:
        """Turn what ruamel made into plain values, remembering their lines."""
        if len(self._lines) > _MAX_VALUES or len(key_path) > _MAX_DEPTH:
            raise ConfigInvalid(f"{self.name}: holds too many values, or nests them too deeply")
        if isinstance(node, dict):
            plain = {}
            for key, value in node.items():
                name = key if isinstance(key, str) else str(key)
                self._lines[(*key_path, name)] = node.lc.key(key)[0] + 1  # type: ignore[attr-defined]
                plain[name] = self._plain(value, (*key_path, name))
            return plain
        if isinstance(node, list):
            for index in range(len(node)):
                self._lines[(*key_path, index)] = node.lc.item(index)[0] + 1  # type: ignore[attr-defined]
            return [self._plain(value, (*key_path, index)) for index, value in enumerate(node)]
        if type(node).__name__ == "ScalarBoolean":  # a boolean with an anchor
            return bool(node)
        return node


def _parse(text: str, name: str) -> Any:
    """Parse YAML 1.2; the import is late because it costs a tenth of a second."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.constructor import DuplicateKeyError  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="rt", pure=True).load(io.StringIO(text))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        key = re.match(r'found duplicate key "([^"]*)"', str(error.problem))
        raise ConfigInvalid(f"{name}:{line}: {key[1] if key else 'a key'}: given twice") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(str(error.problem or "is no YAML").split())
        raise ConfigInvalid(f"{name}:{line}: is no valid YAML: {problem}") from None
    except (YAMLError, ValueError, RecursionError):
        raise ConfigInvalid(f"{name}: is no valid YAML") from None


# The environment and the command line ------------------------------------------------------


def _overlay(
    document: _Document, schema: Schema, place: str, key_path: tuple[str, ...], text: str
) -> None:
    node: Any = schema
    for length, name in enumerate(key_path, start=1):
        known = _children(node)
        if name not in known:
            raise ConfigInvalid(_sentence(place, key_path[:length], node, _UNKNOWN))
        node = known[name]
    document.put(key_path, _from_text(node, text, place), place)


def _from_text(field: Any, text: str, place: str) -> Any:
    """Read the text of a variable or option as the field that it is meant for wants it."""
    if isinstance(field, Text):
        return text
    if isinstance(field, Items) and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    value = _parse(text, place)
    return _Document("")._plain(value, ())  # noqa: SLF001 - the same conversion as of a file


# Errors ------------------------------------------------------------------------------------


def _children(node: Any) -> dict[str, Any]:
    """Return the keys that a schema or section has; of any other field none."""
    if isinstance(node, fields.Nested):
        node = node.schema
    if isinstance(node, Schema):
        return {field.data_key or name: field for name, field in node.fields.items()}
    return {}


def _fill_sections(node: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    filled = dict(values)
    for name, field in _children(node).items():
        if isinstance(field, Section):
            given = filled.get(name)
            filled[name] = _fill_sections(field, {} if given is None else given)
    return filled


def _flatten(messages: Any, node: Any, key_path: _KeyPath) -> Iterator[tuple[_KeyPath, Any, str]]:
    """Turn marshmallow's nested messages into (key, field, message)."""
    if not isinstance(messages, dict):
        yield key_path, node, str(messages[0])
        return
    for name, inner in messages.items():
        if name == "_schema":
            yield from _flatten(inner, node, key_path)
        elif isinstance(node, Table):
            # Below a key of the user, marshmallow tells messages on "key" from those on "value".
            for part, found in inner.items():
                field = node.value_field if part == "value" else node.key_field
                yield from _flatten(found, field, (*key_path, name))
        elif isinstance(node, Items):
            yield from _flatten(inner, node.inner, (*key_path, name))
        else:
            known = _children(node)
            yield from _flatten(inner, known.get(name, node), (*key_path, name))


def _sentence(place: str, key_path: _KeyPath, node: Any, message: str) -> str:
    message = message.rstrip(".")
    allowed = ""
    if message == _UNKNOWN:
        names = sorted(_children(node))
        allowed = ", ".join(names)
        near = difflib.get_close_matches(str(key_path[-1]), names, n=1)
        message += f" (did you mean {near[0]}?)" if near else ""
    elif isinstance(node, fields.Field):
        allowed = str(node.metadata.get("allowed") or getattr(node, "allowed", ""))
    key = f"{_dotted(key_path)}: " if key_path else ""
    return f"{place}: {key}{message}" + (f"; allowed: {allowed}" if allowed else "")


def _dotted(key_path: _KeyPath) -> str:
    text = ""
    for part in key_path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text.encode("unicode_escape").decode()


def _show(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
