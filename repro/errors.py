"""The project's exceptions: every message ends with what to do next."""


class ReproError(Exception):
    """Base of every error that a user can mend; the command line prints it without a traceback."""


class ConfigError(ReproError):
    """A configuration that cannot be run: a wrong key, value, seed list or name (exit code 2)."""


class DataError(ReproError):
    """A data set that is missing, damaged or not what its checksum says."""


class StoreError(ReproError):
    """A result file that cannot be read, locked or written."""


class JobFailed(ReproError):
    """A job that ended without its rows; the message names the file with the traceback."""


class MissingResult(ReproError):
    """A figure or table without stored rows; the message names the command that makes them."""


class FigureFailed(ReproError):
    """A figure function that failed; the message names it and the file with the traceback."""
