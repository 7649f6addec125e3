from __future__ import annotations

from pathlib import Path

import pytest

from csms import cli
from tests.csms.cli.typing_commands import Run, Said


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    logging_restored: None,
) -> Run:
    """Type a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int) or code is None
        return Said(code or 0, out, err)

    return typed
