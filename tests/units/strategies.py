"""What a word, a value or a variable may be made of, with everything that quoting has to survive."""

from hypothesis import strategies as st

# Every character but NUL and lone surrogates, the awkward ones more often.
AWKWARD = "\\\"'$%{};#= \t\n\r-@:+!~\x01\x7f\x85\u2028éß\U0001f600`"
characters = st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
text = st.text(characters, max_size=12)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
# Text that stands alone on a line: no line ends, no blanks at the ends, no backslash at the end.
plain = text.map(lambda value: "".join(c for c in value if c not in "\n\r").strip(" \t").rstrip("\\").strip(" \t"))
