"""The syntax of a Dockerfile."""

from tools.dockerfile import read

TEXT = """\
# A comment.
FROM python:3.13-slim AS builder
RUN one \\
    # a comment between lines
    && two

FROM python:3.13-slim
ENV PATH=/opt/bin:$PATH NAME="two words"
CMD ["serve", "--quietly"]
"""


def test_stages_and_their_instructions(tmp_path):
    """A stage begins at FROM; continued lines are one instruction; commands are words in either form."""
    (tmp_path / "Dockerfile").write_text(TEXT)
    builder, final = read(tmp_path / "Dockerfile")
    assert (builder.base, final.base) == ("python:3.13-slim", "python:3.13-slim")
    assert builder.only("RUN").arguments.split() == ["one", "&&", "two"]
    assert final.only("ENV").pairs() == {"PATH": "/opt/bin:$PATH", "NAME": "two words"}
    assert final.only("CMD").words() == ["serve", "--quietly"]
    assert builder.all("CMD") == []
