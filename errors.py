"""The one exception for mistakes that a user can mend.

Scripts print its message alone and exit with a code other than 0; every other exception
is a defect of ours and keeps its traceback. This module stands below floor 1: every
module may import it, and it imports nothing.
"""


class InputError(ValueError):
    """What came, what is allowed, what to do. Names the file and line, or the flag."""
