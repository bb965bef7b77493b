"""docs/adapters.md shows an adapter, its fake upstream and its test: taken out of the page as they stand, they must work."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
FILES = ("cronhouse.py", "fake_cronhouse.py", "test_cronhouse.py")


def test_the_adapter_of_the_guide_passes_the_conformance_suite(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == len(FILES)
    for name, block in zip(FILES, blocks, strict=True):
        assert f"`{name}`" in GUIDE
        (tmp_path / name).write_text(block, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "test_cronhouse.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100
    assert "skipped" not in done.stdout
