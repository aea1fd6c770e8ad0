"""The directives of one section while a service is converted. What is set has its text for the report at once."""

from ..units.model import Value
from ..units.writer import report_form


class Directives(list[tuple[str, Value]]):
    def set(self, key: str, value: Value) -> str:
        """Set this key as well. Returns `Key=value`, as it stands in the unit."""
        self.append((key, value))
        return report_form(key, value)

    def replace(self, key: str, value: Value) -> str:
        """Set this key in place of what it was set to before. Returns `Key=value`, as it stands in the unit."""
        self.unset(key)
        return self.set(key, value)

    def unset(self, key: str) -> None:
        self[:] = [pair for pair in self if pair[0] != key]
