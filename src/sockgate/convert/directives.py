"""The directives of one section while a service is converted. What is set is for the report as well."""

from ..units.model import Directive, Value


class Directives(list[tuple[str, Value]]):
    def set(self, key: str, value: Value) -> Directive:
        """Set this key as well."""
        self.append((key, value))
        return Directive(key, value)

    def replace(self, key: str, value: Value) -> Directive:
        """Set this key in place of what it was set to before."""
        self.unset(key)
        return self.set(key, value)

    def unset(self, key: str) -> None:
        self[:] = [pair for pair in self if pair[0] != key]
