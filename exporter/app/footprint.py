"""How much memory the exporter keeps, and what keeping it takes: starting takes more than running."""

import ctypes
import gc


def release_memory() -> None:
    """Give what starting needed and running does not back to the machine: some 2 MiB of resident memory.

    Does nothing where the C library has no such function (musl, macOS).
    """
    # What is alive now stays so: it need not be looked through again and again. Looking for garbage first would take as
    # long as two rounds of samples, and find next to nothing.
    gc.freeze()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
