from __future__ import annotations

import pytest

from sources.simulator.__main__ import main


def test_the_command_writes_a_world_and_says_what_it_holds(tmp_path, capsys):
    arguments = ["--days", "30", "--first-day", "2025-06-01", "--festival-days", "0"]
    assert main([str(tmp_path / "world"), *arguments]) == 0
    said = capsys.readouterr().out
    assert "orders of" in said
    assert "shipment_events" in said
    assert (tmp_path / "world" / "truth" / "probabilities.parquet").exists()


@pytest.mark.parametrize("columns", ["20", "80", "500"])
def test_the_command_says_why_it_wrote_nothing_however_long_the_path(tmp_path, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    (tmp_path / "mine.txt").write_text("mine")
    assert main([str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main([str(tmp_path / "new"), "--orders", "7"]) == 2
    assert "orders is 7. Allowed: 2000" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    with pytest.raises(SystemExit):
        main([])
