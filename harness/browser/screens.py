"""The screens on which a page in use is looked at."""

import pytest

# A style that breaks does so by width or by scheme: each of the two is seen at both its ends. The pairs that are left
# would find what goes wrong only for both together, and take as long again: `make test-full` looks at them.
SCREENS = [
    pytest.param(1280, "light", id="wide-light"),
    pytest.param(320, "dark", id="narrow-dark"),
    pytest.param(1280, "dark", id="wide-dark", marks=pytest.mark.full),
    pytest.param(320, "light", id="narrow-light", marks=pytest.mark.full),
]
