"""`demo`: its own arguments. tests/end_to_end runs it."""

from exporter import cli


def test_an_unknown_fault_is_wrong_usage(capsys):
    """All known ones are listed."""
    assert cli.main(["demo", "--fault", "gremlins"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--fault gremlins: there is no such fault" in said.err
    assert "poison-rows" in said.err
