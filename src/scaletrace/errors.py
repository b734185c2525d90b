"""The one exception whose message is written for the person at the keyboard."""


class BadInput(ValueError):
    """Input that cannot be used: the message says what, where, and what is allowed.

    Programs print the message alone, without a traceback, and exit with 2.
    """
