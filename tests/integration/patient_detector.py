"""The detector on a host that runs other tests too: no backend is given up for being late there."""

import sys
from unittest.mock import patch

from detector.__main__ import main
from detector.candidate import Patience

# As long as a loop may be silent.
WITHIN_S = 18

if __name__ == "__main__":
    patience = Patience(late_s=WITHIN_S, hang_s=WITHIN_S, alone_s=WITHIN_S, load_late_s=WITHIN_S, load_hang_s=WITHIN_S)
    with patch("detector.choosing.PATIENCE", patience):
        sys.exit(main())
