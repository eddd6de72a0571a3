"""Which Python this is, for `./run` to choose: prints `yes:PATH` or `no:PATH`, and nothing if it would not do.

`yes`: it was built with its optimisations. What a distribution has in /usr was, but does not say so.
"""

import os
import sys
import sysconfig


def is_optimised() -> bool:
    built = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "--enable-optimizations" in built or sys.base_prefix == "/usr"


if __name__ == "__main__" and (3, 11) <= sys.version_info < (3, 15):
    print("yes" if is_optimised() else "no", os.path.realpath(sys.executable), sep=":")
