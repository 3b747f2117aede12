"""The file system and the network closed by Landlock: a second wall behind the system-call filter.

The kernel may have it or not (5.13 and later, if it was not switched off). It needs no privilege, and takes no rule
here: nothing is allowed.
"""

from __future__ import annotations

import ctypes
import os
import struct

# <linux/landlock.h>; the numbers of these calls are the same on every machine.
_SYS_CREATE_RULESET = 444
_SYS_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1

# How many file-system rights each version (ABI) of Landlock knows: they are the lowest bits.
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_SINCE_5 = 16
_NETWORK_SINCE, _NETWORK_RIGHTS = 4, 0b11
"""bind and connect of TCP."""
_SCOPES_SINCE, _SCOPES = 6, 0b11
"""Abstract unix sockets, and signals, of processes outside."""


def version(libc: ctypes.CDLL) -> int:
    """The kernel's version of Landlock, 0 where it has none."""
    return max(0, int(libc.syscall(_SYS_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)))


def close_everything(libc: ctypes.CDLL) -> bool:
    """Take every right over files and TCP from this process, for good; whether the kernel could.

    ``no_new_privs`` must be set already. Descriptors that are open stay usable.
    """
    known = version(libc)
    if not known:
        return False
    attributes = struct.pack(
        "<QQQ",
        (1 << _RIGHTS_BY_VERSION.get(known, _RIGHTS_SINCE_5)) - 1,
        _NETWORK_RIGHTS if known >= _NETWORK_SINCE else 0,
        _SCOPES if known >= _SCOPES_SINCE else 0,
    )
    # An older kernel refuses a longer structure only where the rest is not zero.
    ruleset = libc.syscall(_SYS_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_SYS_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
