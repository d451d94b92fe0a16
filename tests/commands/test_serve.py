"""`serve`: what ends it before it serves. tests/end_to_end runs it."""

from exporter import cli


def test_a_wrong_configuration_ends_it(capsys, tmp_path):
    """Status 2, with the whole path, before anything starts."""
    config = tmp_path / "config.yaml"
    config.write_text("web: {listen: nowhere}\n")
    assert cli.main(["serve", "--config", str(config)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"{config}:1: web.listen: expected host:port")
