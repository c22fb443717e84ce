"""The sections, in the order of the file."""

from collections.abc import Sequence

from messages import Section, admission, conditions, definition, events, plugin, policies, warnings

SECTIONS: Sequence[Section] = (admission, warnings, policies, definition, conditions, events, plugin)
