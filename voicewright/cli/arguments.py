"""The command line of every script: `python -m <module> NAME key=value ...`."""

from __future__ import annotations

import sys

from voicewright.core.errors import UserError, did_you_mean


def parse(
    doc: str | None, options: dict[str, str | None], argv: list[str] | None = None, *, name: str | None = "RUN"
) -> tuple[str, dict[str, str | None]]:
    """Read NAME and `key=value` words; `options` are the keys allowed, with their defaults.

    `name` is what the first word stands for, None when the script takes key=value words alone (NAME is then "").
    `-h` prints `doc`. Raises UserError for a missing name or an unknown key.
    """
    words = sys.argv[1:] if argv is None else argv
    if {"-h", "--help"} & set(words):
        print((doc or "").strip())
        usage = " ".join(f"[{key}={'' if value is None else value}]" for key, value in options.items())
        print(f"\nusage: {' '.join(filter(None, [name, usage]))}")
        raise SystemExit(0)
    values = dict(options)
    names, problems = [], []
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            names.append(word)
        elif key in options:
            values[key] = value
        else:
            problems.append(f"no such option {key!r}{did_you_mean(key, options)}. Options: {', '.join(options)}")
    if len(names) != (name is not None):
        problems.append(f"expected {'one ' + name if name else 'key=value words'}, found {' '.join(names) or 'none'}")
    if problems:
        raise UserError(problems, hint="-h shows the usage")
    return (names[0] if name else ""), values
