"""Mappings of what a plug-in keeps on the host's side: its variables and its configuration."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._native import Store
    from typing_extensions import Buffer


class Vars(MutableMapping[str, bytes]):
    """The variables of a plug-in, by key.

    `Plugin.vars` and `CurrentPlugin.vars` return it. You and the guest share the variables. Values are bytes. You can
    also set a `str`, which is stored as UTF-8, or another buffer.
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, key: str) -> bytes:
        value = self._store.var(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str | Buffer) -> None:
        """Sets a variable.

        Raises:
            extism.ArgumentError: If the value exceeds `max_var_bytes`, or is neither text nor a buffer. The old
                value stays.
        """
        self._store.set_var(key, value)

    def __delitem__(self, key: str) -> None:
        if not self._store.remove_var(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._store.var(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterates over the current keys, in order. Later changes do not affect the iterator."""
        return iter(self._store.var_keys())

    def __len__(self) -> int:
        return len(self._store.var_keys())

    def __repr__(self) -> str:
        return f"Vars({', '.join(map(repr, self))})"


class Config(MutableMapping[str, str]):
    """The configuration of a plug-in, by key.

    `Plugin.config` and `CurrentPlugin.config` return it. The guests of this instance see changes; other instances do
    not. `Plugin.update_config` changes several values at once.
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, key: str) -> str:
        value = self._store.config_value(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        """Sets a value.

        Raises:
            extism.ManifestError: If the value is not a `str`. The old value stays.
        """
        self._store.set_config(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._store.update_config({key: None})

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._store.config_value(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterates over the current keys, in order. Later changes do not affect the iterator."""
        return iter(self._store.config_dict())

    def __len__(self) -> int:
        return len(self._store.config_dict())

    def __repr__(self) -> str:
        return f"Config({self._store.config_dict()!r})"
