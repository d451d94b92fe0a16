"""`demo`: its own arguments. tests/end_to_end runs it."""

from exporter import cli


def test_an_unknown_fault_is_wrong_usage(capsys):
    """All known ones are listed."""
    assert cli.main(["demo", "--fault", "gremlins"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--fault gremlins: there is no such fault" in said.err
    assert "poison-rows" in said.err


def test_a_profile_that_it_does_not_run_is_wrong_usage(capsys):
    """One sentence names those that it runs."""
    assert cli.main(["demo", "--profile", "river"]) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert "--profile river: the demo runs the libraries of the profiles chancy, django-outbox-pattern" in said.err
    assert cli.main(["demo", "--profile", "chancy", "--fault", "poison-rows"]) == 2
    assert "--fault poison-rows: there is no such fault of Chancy" in capsys.readouterr().err
