"""Traditional Chinese characters as simplified ones, each at its place.

What was cut out of the converted text stands at the same place in the original. The
tables are those of OpenCC (https://github.com/BYVoid/OpenCC), which is optional.
"""

import errors


class _Table(dict):
    """For str.translate: each character is converted on its own, and once."""

    def __missing__(self, code):
        char = chr(code)
        converted = self.convert(char)
        self[code] = converted if len(converted) == 1 else char
        return self[code]


_TABLE = _Table()


def convert(text):
    """str -> str of the same length.

    Raises errors.InputError where OpenCC is not installed.
    """
    if not hasattr(_TABLE, "convert"):
        try:
            import opencc
        except ImportError:
            raise errors.InputError(
                "--convert_to_simplified needs OpenCC: pip install OpenCC==1.1.6")
        _TABLE.convert = opencc.OpenCC("t2s").convert
    return text.translate(_TABLE)
