"""Lines of YAML come back as they were."""

from __future__ import annotations

import yaml

from alerts.policy.yaml_lines import comment, folded


def test_a_long_text_is_folded():
    """Into lines of at most 120 characters, and it is the same text afterwards."""
    text = "word: # " * 60 + "end"
    lines = list(folded("key", text, 4))
    assert len(lines) > 4
    assert max(map(len, lines)) <= 120
    assert yaml.safe_load("\n".join(lines)) == {"key": text}


def test_a_comment_is_none_of_the_content():
    """Each of its lines is one."""
    lines = list(comment("word " * 60, 2))
    assert all(line.startswith("  # ") for line in lines)
    assert yaml.safe_load("\n".join([*lines, "key: 1"])) == {"key": 1}
